use palisade::{authenticated, route};

#[route("/motto", method = "PUT", method = "PATCH")]
#[authenticated]
async fn set_motto(motto: String) -> String {
    motto
}
