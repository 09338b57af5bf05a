//! A WebSocket and an event stream that end with the session of their caller. `JWT_SECRET="$(head -c 32 /dev/urandom | base64)" cargo run
//! -p themes --bin websocket` prints a token. Then: `curl -N http://127.0.0.1:3000/events -H "authorization: Bearer <token>"`

#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "../tests/websocket.rs"]
mod tests;

use std::time::Duration;

use actix_web::web::{Bytes, Data, Payload};
use actix_web::{App, Error, HttpRequest, HttpResponse, HttpServer, rt};
use actix_ws::{CloseCode, Message};
use futures_util::{StreamExt as _, stream};
use palisade::admission::Admission;
use palisade::jwt::{Grant, TokenIssuer};
use palisade::revocation::MemoryRevocations;
use palisade::session::{MemorySessions, Sessions};
use palisade::{ConfigError, Palisade, Principal, Problem, Scope, authenticated, get, post, require_role};

type AppSessions = Sessions<MemorySessions, MemoryRevocations>;

/// Sends each text back. When the caller is not admitted any more, it closes the socket with the code 1008 (RFC 6455 §7.4.1).
#[get("/echo")]
#[require_role("talker")]
async fn echo(request: HttpRequest, body: Payload, admission: Admission) -> Result<HttpResponse, Error> {
    let (response, mut session, mut messages) = actix_ws::handle(&request, body)?;
    rt::spawn(async move {
        let served = admission.run(async {
            while let Some(Ok(Message::Text(text))) = messages.next().await {
                session.text(text).await?;
            }
            Ok::<_, actix_ws::Closed>(())
        });
        if served.await.is_err() {
            let _ = session.close(Some(CloseCode::Policy.into())).await;
        }
    });
    Ok(response)
}

/// A tick each second, until the caller is not admitted any more.
#[get("/events")]
#[require_role("talker")]
async fn events(admission: Admission) -> HttpResponse {
    let ticks = stream::unfold((), |()| async {
        rt::time::sleep(Duration::from_secs(1)).await;
        Some((Ok::<_, Error>(Bytes::from_static(b"data: tick\n\n")), ()))
    });
    HttpResponse::Ok().content_type("text/event-stream").streaming(admission.until_ended(ticks))
}

#[post("/logout")]
#[authenticated]
async fn logout(caller: Principal, sessions: Data<AppSessions>) -> Result<&'static str, Problem> {
    sessions.end(&caller).await?;
    Ok("logged out")
}

fn routes() -> Scope {
    palisade::scope("").service(echo).service(events).service(logout)
}

fn configure(secret: &[u8]) -> Result<(AppSessions, Palisade), ConfigError> {
    let issuer = TokenIssuer::hs256("https://websocket.example", "websocket", secret)?;
    let sessions = Sessions::new(issuer, MemorySessions::new(), MemoryRevocations::new());
    let palisade = Palisade::builder().authenticator(sessions.verifier().build()?).routes(&routes()).build()?;
    Ok((sessions, palisade))
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let secret = std::env::var("JWT_SECRET").map_err(|_| "set JWT_SECRET to 32 random bytes or more")?;
    let (sessions, palisade) = configure(secret.as_bytes())?;
    let alice = Grant::new("alice", Duration::from_mins(15)).roles(["talker"]);
    println!("{}", sessions.begin(&alice).await?.access_token());
    let app = move || App::new().app_data(Data::new(sessions.clone())).service(routes()).wrap(palisade.clone());
    Ok(palisade::server::harden(HttpServer::new(app)).bind(("127.0.0.1", 3000))?.run().await?)
}
