use super::*;
use actix_web::test::{TestRequest, call_service, init_service, read_body_json};

#[actix_web::test]
async fn no_value_becomes_a_part_of_the_text() {
    let db = open().await.unwrap();
    let palisade = Palisade::builder().routes(&routes()).build().unwrap();
    let app = init_service(App::new().app_data(Data::new(db)).service(routes()).wrap(palisade)).await;
    let titles = async |query: &str| -> Vec<String> {
        let response = call_service(&app, TestRequest::get().uri(&format!("/articles{query}")).to_request()).await;
        assert_eq!(response.status(), 200, "{query}");
        let articles: Vec<Article> = read_body_json(response).await;
        articles.into_iter().map(|article| article.title).collect()
    };
    let [bind, percent, snake] = ["Bind, don't format", "100% parameters", "snake_case"];
    assert_eq!(titles("").await, [bind, percent, snake]);
    assert_eq!(titles("?sort=-title").await, [snake, bind, percent]);
    assert_eq!(titles("?q=%25").await, [percent], "a wildcard is taken literally");
    assert_eq!(titles("?q=_").await, [snake]);
    assert_eq!(titles("?q=%27").await, [bind]);
    assert_eq!(titles("?q=%27%20OR%201=1;%20--").await, [""; 0]);
    assert_eq!(titles("?id=1&id=3&limit=1").await, [bind]);

    for (query, status) in [("?sort=title,(SELECT%201)", 422), ("?sort=body", 422), ("?id=1%20OR%201=1", 422)] {
        let response = call_service(&app, TestRequest::get().uri(&format!("/articles{query}")).to_request()).await;
        assert_eq!(response.status(), status, "{query}");
    }
}
