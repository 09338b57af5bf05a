use palisade::{Owned, Resource, authenticated, get, optional_auth, owner};
use palisade::resource::{OwnerKey, Unavailable};

struct Row<const KIND: u8>;
type Document = Row<0>;
type Folder = Row<1>;

impl<const KIND: u8> Resource for Row<KIND> {
    type Id = u32;
    type Store = ();

    async fn load(_: &(), _: u32) -> Result<Option<Self>, Unavailable> {
        Ok(None)
    }

    fn owner(&self) -> impl OwnerKey {
        ""
    }
}

#[get("/none/{id}")]
#[authenticated]
async fn none(_: Owned<Document>) -> &'static str {
    "never"
}

#[get("/other/{id}")]
#[owner(id, of = Document)]
async fn other(_: Owned<Folder>) -> &'static str {
    "never"
}

#[get("/maybe/{id}")]
#[owner(id)]
async fn maybe(_: Option<Owned<Document>>) -> &'static str {
    "never"
}

#[get("/optional/{id}")]
#[optional_auth]
async fn optional(_: Option<Owned<Document>>) -> &'static str {
    "never"
}

fn main() {}
