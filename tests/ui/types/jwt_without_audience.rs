use palisade::Jwt;
use palisade::jwt::{Algorithm, VerifyingKey};

fn main() -> Result<(), palisade::ConfigError> {
    let key = VerifyingKey::hmac(Algorithm::Hs256, [7; 32])?;
    Jwt::builder().issuer("https://issuer.example").keys(key).build()?;
    Ok(())
}
