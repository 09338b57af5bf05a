use palisade::Resource;
use palisade::resource::{OwnerKey, Unavailable};

struct Measurement {
    station: f64,
}

impl Resource for Measurement {
    type Id = u64;
    type Store = ();

    async fn load(_: &(), _: u64) -> Result<Option<Self>, Unavailable> {
        Ok(None)
    }

    fn owner(&self) -> impl OwnerKey {
        self.station
    }
}

fn main() {}
