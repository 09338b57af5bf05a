fn main() {
    let _ = palisade::Owned(String::from("somebody else's"));
}
