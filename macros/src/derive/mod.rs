//! The derive macros.

mod endpoint;
mod extractor;
mod role;
mod sql_identifier;

pub(crate) use self::endpoint::derive as endpoint;
pub(crate) use self::extractor::derive as extractor;
pub(crate) use self::role::derive as role;
pub(crate) use self::sql_identifier::derive as sql_identifier;

/// `created_at` for `CreatedAt`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before = ' ';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = c;
    }
    snake
}
