//! CWE-178, CWE-639: an id with two spellings, of which only one is compared with the owner. Rows whose owner is a number, a
//! `Uuid` or nobody, from a store behind a trait.

use std::sync::Arc;

use actix_web::App;
use actix_web::test::init_service;
use actix_web::web::Data;
use palisade::resource::{OwnerKey, Unavailable};
use palisade::{Owned, Principal, Resource, get, owner};
use palisade_tests::{call_as, get_request, palisade};
use uuid::Uuid;

const ID: Uuid = Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8);

/// The owner of its row, by number: `None` for row 0.
trait Authors {
    fn author(&self, id: i64) -> Option<i64>;
}

struct SameNumber;

impl Authors for SameNumber {
    fn author(&self, id: i64) -> Option<i64> {
        (id != 0).then_some(id)
    }
}

struct Article(Option<i64>);

impl Resource for Article {
    type Id = i64;
    type Store = dyn Authors;

    async fn load(authors: &Self::Store, id: i64) -> Result<Option<Self>, Unavailable> {
        Ok(Some(Self(authors.author(id))))
    }

    fn owner(&self) -> impl OwnerKey {
        self.0
    }
}

struct Upload(Uuid);

impl Resource for Upload {
    type Id = Uuid;
    type Store = dyn Authors;

    async fn load(_: &Self::Store, id: Uuid) -> Result<Option<Self>, Unavailable> {
        Ok(Some(Self(id)))
    }

    fn owner(&self) -> impl OwnerKey {
        self.0
    }
}

/// A key whose owner is careless: an empty subject is a subject to it.
struct Careless;

impl OwnerKey for Careless {
    fn is_subject(&self, _: &str) -> bool {
        true
    }
}

struct Shared;

impl Resource for Shared {
    type Id = i64;
    type Store = dyn Authors;

    async fn load(_: &Self::Store, _: i64) -> Result<Option<Self>, Unavailable> {
        Ok(Some(Self))
    }

    fn owner(&self) -> impl OwnerKey {
        Careless
    }
}

#[get("/articles/{id}")]
#[owner(id, of = Article)]
async fn article(article: Owned<Article>) -> String {
    format!("{:?}", article.0)
}

#[get("/uploads/{id}")]
#[owner(id, of = Upload)]
async fn upload(upload: Owned<Upload>) -> String {
    upload.0.to_string()
}

#[get("/shared/{id}")]
#[owner(id, of = Shared)]
async fn shared(_: Owned<Shared>) -> &'static str {
    "shared"
}

async fn status(path: &str, subject: &str) -> u16 {
    let authors: Arc<dyn Authors> = Arc::new(SameNumber);
    let routes = palisade::scope("").service(article).service(upload).service(shared);
    let app = init_service(App::new().app_data(Data::from(authors)).service(routes).wrap(palisade())).await;
    call_as(&app, get_request(path), Principal::new("Bearer", "i", subject)).await.status.as_u16()
}

#[actix_web::test]
async fn number_has_one_spelling() {
    assert_eq!(status("/articles/7", "7").await, 200);
    assert_eq!(status("/articles/-7", "-7").await, 200);
    // The id of the path may be spelt in another way, but not the subject.
    assert_eq!(status("/articles/007", "7").await, 200);
    for subject in ["007", "+7", " 7", "7 ", "7.0", "0x7", "-7", "8", "77"] {
        assert_eq!(status("/articles/7", subject).await, 404, "{subject}");
    }
}

#[actix_web::test]
async fn row_without_owner_belongs_to_nobody() {
    for subject in ["0", "", "None", "null"] {
        assert_eq!(status("/articles/0", subject).await, 404, "{subject}");
    }
    assert_eq!(status("/shared/1", "x").await, 200);
    assert_eq!(status("/shared/1", "").await, 404);
}

#[actix_web::test]
async fn uuid_is_hyphenated_in_lower_case() {
    let path = format!("/uploads/{ID}");
    assert_eq!(status(&path, &ID.to_string()).await, 200);
    let capitals = format!("/uploads/{}", ID.to_string().to_uppercase());
    assert_eq!(status(&capitals, &ID.to_string()).await, 200);
    for subject in [ID.to_string().to_uppercase(), ID.simple().to_string(), ID.urn().to_string()] {
        assert_eq!(status(&path, &subject).await, 404, "{subject}");
    }
}
