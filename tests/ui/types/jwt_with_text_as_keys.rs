use palisade::Jwt;

fn main() -> Result<(), palisade::ConfigError> {
    Jwt::builder().issuer("https://issuer.example").audience("my-api").keys("-----BEGIN PUBLIC KEY-----").build()?;
    Ok(())
}
