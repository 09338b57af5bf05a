use actix_multipart::form::MultipartForm;
use palisade::input::{Form, Json, Multipart, Text};
use palisade::{post, public};

#[derive(MultipartForm)]
struct Upload {
    title: Text<String>,
}

#[post("/json")]
#[public]
async fn beside_json(form: Multipart<Upload>, body: Json<u8>) -> String {
    format!("{} {}", *form.title, *body)
}

#[post("/form")]
#[public]
async fn after_option(_: Option<Form<u8>>, form: Multipart<Upload>) -> String {
    form.into_inner().title.into_inner()
}

#[post("/foreign")]
#[public]
async fn foreign(_: Json<u8>, _: MultipartForm<Upload>) -> &'static str {
    "never"
}

fn main() {}
