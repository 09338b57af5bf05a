use actix_web::dev::Service;

fn main() {
    palisade::scope("/api").wrap_fn(|request, service: &dyn Service<u8, Response = u8, Error = u8, Future = std::future::Ready<Result<u8, u8>>>| {
        service.call(request)
    });
}
