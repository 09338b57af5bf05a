use palisade::owner;

#[owner(r#type)]
async fn diary(r#type: Path<String>) -> Diary {
    Diary::of(r#type).await
}
