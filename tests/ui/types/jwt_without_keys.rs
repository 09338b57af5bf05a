use palisade::Jwt;

fn main() -> Result<(), palisade::ConfigError> {
    Jwt::builder().issuer("https://issuer.example").audience("my-api").build()?;
    Ok(())
}
