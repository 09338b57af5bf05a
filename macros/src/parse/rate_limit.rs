//! `#[rate_limit(5, "15m", count = failures, by = principal, name = "login")]`.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Lit, LitStr, Token};

use super::whole;
use crate::model::{Clause, RateLimit};
use crate::suggest::did_you_mean;
use crate::window;

const EXAMPLE: &str = "#[rate_limit(5, \"15m\")]";
const OPTIONS: [&str; 4] = ["by", "count", "name", "skip_successful"];

pub(crate) fn parse(word: &Ident, arguments: TokenStream) -> syn::Result<Clause> {
    whole(word, arguments, EXAMPLE, |input| {
        // Both numbers are judged before either mistake is reported.
        let limit = limit(input);
        input.parse::<Token![,]>().map_err(|_| input.error(format!("the window is missing: write `{EXAMPLE}`")))?;
        let seconds = seconds(input);
        let (limit, seconds) = both(limit, seconds)?;
        let mut quota = RateLimit { limit, seconds, by_principal: None, failures_only: false, name: None };
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            option(input, &mut quota, &mut seen)?;
        }
        Ok(Clause::RateLimit(quota))
    })
}

fn both<A, B>(first: syn::Result<A>, second: syn::Result<B>) -> syn::Result<(A, B)> {
    match (first, second) {
        (Ok(first), Ok(second)) => Ok((first, second)),
        (Err(mut first), Err(second)) => {
            first.combine(second);
            Err(first)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

fn limit(input: ParseStream<'_>) -> syn::Result<u32> {
    let how = "the quota is a whole number of requests from 1 to 4294967295";
    if input.peek(Token![-]) {
        let minus: Token![-] = input.parse()?;
        input.parse::<Lit>()?;
        return Err(syn::Error::new(minus.span, format!("{how}: write `{EXAMPLE}`")));
    }
    let literal: Lit =
        input.parse().map_err(|error| syn::Error::new(error.span(), format!("{how}: write `{EXAMPLE}`")))?;
    let Lit::Int(number) = &literal else {
        return Err(syn::Error::new(literal.span(), format!("{how}, without quotes or a point: write `{EXAMPLE}`")));
    };
    match number.base10_parse::<u32>() {
        Ok(0) => Err(syn::Error::new(
            number.span(),
            "a quota of zero admits nobody: write 1 or more, or close the route with an access attribute",
        )),
        Ok(limit) if matches!(number.suffix(), "" | "u32") => Ok(limit),
        _ => Err(syn::Error::new(number.span(), format!("{how}: write `{EXAMPLE}`"))),
    }
}

fn seconds(input: ParseStream<'_>) -> syn::Result<u64> {
    let literal: Lit = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), format!("the window is a text: {}", window::FORMS)))?;
    match &literal {
        Lit::Str(text) => window::parse(&text.value()).map_err(|message| syn::Error::new(text.span(), message)),
        Lit::Int(number) if number.suffix().is_empty() => Err(syn::Error::new(
            number.span(),
            format!("the window is a text with its unit: did you mean \"{}s\"?", number.base10_digits()),
        )),
        other => Err(syn::Error::new(other.span(), format!("the window is a text: {}", window::FORMS))),
    }
}

fn option(input: ParseStream<'_>, quota: &mut RateLimit, seen: &mut Vec<String>) -> syn::Result<()> {
    let key = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(
            error.span(),
            "an option is written `name = value`: `by`, `count`, `name`, or `skip_successful`",
        )
    })?;
    let word = key.to_string();
    if seen.contains(&word) || (word == "skip_successful" && seen.iter().any(|seen| seen == "count")) {
        return Err(syn::Error::new(key.span(), format!("`{word}` is said already: remove one")));
    }
    seen.push(word.clone());
    match word.as_str() {
        "skip_successful" => {
            seen.push("count".to_owned());
            quota.failures_only = true;
        }
        "by" => {
            let value = choice(input, "by", &["ip", "principal"])?;
            quota.by_principal = (value == "principal").then(|| value.span());
        }
        "count" => quota.failures_only = choice(input, "count", &["all", "failures"])? == "failures",
        "name" => quota.name = Some(name(input)?),
        _ => {
            let hint = did_you_mean(&word, OPTIONS);
            let rest = if hint.is_empty() { "; there are `by`, `count`, `name` and `skip_successful`" } else { "" };
            return Err(syn::Error::new(key.span(), format!("`{word}` is no option of `rate_limit`{hint}{rest}")));
        }
    }
    Ok(())
}

fn choice(input: ParseStream<'_>, key: &str, values: &[&'static str]) -> syn::Result<Ident> {
    let all = values.iter().map(|value| format!("`{key} = {value}`")).collect::<Vec<_>>().join(" or ");
    input.parse::<Token![=]>().map_err(|error| syn::Error::new(error.span(), format!("write {all}")))?;
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        return Err(syn::Error::new(literal.span(), format!("the value has no quotes: write {all}")));
    }
    let value = input.call(Ident::parse_any).map_err(|error| syn::Error::new(error.span(), format!("write {all}")))?;
    if values.iter().any(|known| value == known) {
        return Ok(value);
    }
    let hint = did_you_mean(&value.to_string(), values.iter().copied());
    Err(syn::Error::new(value.span(), format!("`{value}` is no value of `{key}`{hint} Write {all}")))
}

fn name(input: ParseStream<'_>) -> syn::Result<LitStr> {
    input.parse::<Token![=]>().map_err(|error| syn::Error::new(error.span(), "write `name = \"login\"`"))?;
    let name: LitStr = input
        .parse()
        .map_err(|error| syn::Error::new(error.span(), "the name is a text in quotes: write `name = \"login\"`"))?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if name.value().is_empty() || !name.value().chars().all(allowed) {
        return Err(syn::Error::new(
            name.span(),
            "clients see the name: it has ASCII letters, digits, `-`, `_`, `.` and `:` only",
        ));
    }
    Ok(name)
}
