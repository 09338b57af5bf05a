//! CWE-20, CWE-770, CWE-89: sizes of pages, names of columns and positions of lists that clients choose. Each wrong one is an error
//! with the name of its parameter, in the extractors of palisade and in those of actix-web, and the value is not echoed.

use actix_web::App;
use actix_web::test::init_service;
use palisade::input::{Cursor, PageLimit, SortKey};
use palisade::{get, post, public};
use palisade_tests::{builder, call, get_request, post_request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Column {
    CreatedAt,
    Title,
}

#[derive(Deserialize, Serialize)]
struct After {
    id: u64,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    limit: PageLimit<100>,
    sort: Option<SortKey<Column>>,
    after: Option<Cursor<After>>,
}

#[derive(Deserialize)]
struct Sorts {
    sort: Vec<SortKey<Column>>,
}

impl Page {
    fn show(&self) -> String {
        let sort = self.sort.map(|sort| (sort.field(), sort.is_descending()));
        format!("{} {sort:?} {:?}", self.limit.get(), self.after.as_ref().map(|after| after.id))
    }
}

macro_rules! handlers {
    ($module:ident, $($extractors:ident)::+) => {
        mod $module {
            use super::*;
            use $($extractors)::+::{Json, Query};

            #[get("/query")]
            #[public]
            pub async fn query(page: Query<Page>) -> String {
                page.show()
            }

            #[post("/json")]
            #[public]
            pub async fn json(page: Json<Page>) -> String {
                page.show()
            }
        }
    };
}
handlers!(actix, actix_web::web);
handlers!(ours, palisade::input);

#[get("/sorts")]
#[public]
async fn sorts(sorts: palisade::input::Query<Sorts>) -> String {
    format!("{:?}", sorts.sort.iter().map(|sort| (sort.field(), sort.is_descending())).collect::<Vec<_>>())
}

macro_rules! app {
    () => {
        init_service(
            App::new()
                .service(palisade::scope("/actix").service(actix::query).service(actix::json))
                .service(palisade::scope("/ours").service(ours::query).service(ours::json).service(sorts))
                .wrap(builder().build().unwrap()),
        )
        .await
    };
}

#[actix_web::test]
async fn sound_values_reach_the_handler() {
    let app = app!();
    let cursor = Cursor::new(After { id: 7 }).unwrap();
    for scope in ["/actix", "/ours"] {
        let query = format!("{scope}/query?limit=100&sort=-createdAt&after={cursor}");
        let body = json!({ "limit": 100, "sort": "-createdAt", "after": cursor }).to_string();
        for request in [get_request(&query), post_request(&format!("{scope}/json"), &body)] {
            assert_eq!(call(&app, request).await.body, "100 Some((CreatedAt, true)) Some(7)", "{scope}");
        }
        for request in [get_request(&format!("{scope}/query")), post_request(&format!("{scope}/json"), "{}")] {
            assert_eq!(call(&app, request).await.body, "20 None None", "{scope}");
        }
    }
    let response = call(&app, get_request("/ours/sorts?sort=title&sort=-createdAt")).await;
    assert_eq!(response.body, "[(Title, false), (CreatedAt, true)]");
}

#[actix_web::test]
async fn each_wrong_value_has_its_place_and_its_code() {
    let app = app!();
    let bounds = json!({ "expected": "integer", "min": 1, "max": 100 });
    let choices = json!({ "choices": ["createdAt", "title"] });
    let cases: [(&str, Value, &str, Value); 10] = [
        ("limit", json!(0), "value", bounds.clone()),
        ("limit", json!(101), "value", bounds.clone()),
        ("limit", json!(-1), "", bounds.clone()),
        ("limit", json!(73_131_313_131_u64), "", bounds.clone()),
        ("limit", json!("s3cret"), "type", bounds),
        ("sort", json!("s3cret"), "choice", choices.clone()),
        ("sort", json!("--title"), "choice", choices.clone()),
        ("sort", json!("title;drop"), "choice", choices),
        ("after", json!("s3cret"), "format", Value::Null),
        ("after", json!("a".repeat(1025)), "format", Value::Null),
    ];
    for scope in ["/actix", "/ours"] {
        for (name, value, code, params) in &cases {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            let text = text.replace(';', "%3B");
            let query = call(&app, get_request(&format!("{scope}/query?{name}={text}"))).await;
            let body = json!({ *name: value }).to_string();
            let body = call(&app, post_request(&format!("{scope}/json"), &body)).await;
            for (response, place, shown) in
                [(query, "parameter", (*name).to_owned()), (body, "pointer", format!("/{name}"))]
            {
                response.assert_problem(422);
                let error = &response.json()["errors"][0];
                assert_eq!(error[place], shown, "{scope} {value}: {response:?}");
                // A form cannot tell a number out of bounds from a text if no `u32` holds it.
                assert!(code.is_empty() || error["code"] == *code, "{scope} {value}: {response:?}");
                assert_eq!(error["params"], *params, "{scope} {value}: {response:?}");
                assert!(!response.body.contains("s3cret") && !response.body.contains("7313"), "{response:?}");
            }
        }
        let twice = call(&app, get_request(&format!("{scope}/query?limit=1&limit=2"))).await;
        twice.assert_problem(422);
        assert_eq!(twice.json()["errors"][0]["parameter"], "limit", "{twice:?}");
    }
}
