use palisade::Jwt;

fn main() -> Result<(), palisade::ConfigError> {
    let secret = String::from("a secret");
    Jwt::builder().issuer("https://issuer.example").audience("my-api").keys(secret).build()?;
    Ok(())
}
