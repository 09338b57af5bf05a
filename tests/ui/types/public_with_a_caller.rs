use palisade::{Claims, Owned, Principal, Resource, RowFilter, get, public};
use palisade::resource::{OwnerKey, Unavailable};

struct Document;

impl Resource for Document {
    type Id = u32;
    type Store = ();

    async fn load(_: &(), _: u32) -> Result<Option<Self>, Unavailable> {
        Ok(None)
    }

    fn owner(&self) -> impl OwnerKey {
        ""
    }
}

type Caller = Principal;

#[get("/principal")]
#[public]
async fn principal(_: Principal) -> &'static str {
    "never"
}

#[get("/alias")]
#[public]
async fn alias(_: Option<Caller>) -> &'static str {
    "never"
}

#[public]
async fn scoped(_: Result<RowFilter, actix_web::Error>) -> &'static str {
    "never"
}

#[get("/claims")]
#[public]
async fn claims(_: Claims<u8>, _: Option<Claims<u8>>) -> &'static str {
    "never"
}

#[get("/owned/{id}")]
#[public]
async fn owned(_: Owned<Document>) -> &'static str {
    "never"
}

fn main() {}
