//! Arguments that need no rules: they carry no input, or their parser is the check.
//!
//! Threat: a type that is taken for harmless and carries input (CWE-20). Promise: these lists are complete. A type that is not in
//! them does not compile beside `#[validate]`, unless its author or the handler says so.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;

use actix_web::http::{Method, Uri, header};
use actix_web::{HttpRequest, dev, web};

use crate::principal::Principal;

/// An argument that carries no input. [`Extractor`](derive@crate::Extractor) derives it.
pub trait NoInput {}

macro_rules! carries_no_input {
    ($($argument:ty),* $(,)?) => {$(
        impl NoInput for $argument {}
    )*};
}
carries_no_input!(HttpRequest, Principal, Method, Uri, dev::ConnectionInfo, dev::PeerAddr, ());

impl<T> NoInput for web::ThinData<T> {}
impl<T: Clone> NoInput for web::ReqData<T> {}
impl<T: ?Sized> NoInput for web::Data<T> {}

/// The content of a `Path` or a `Header` whose parser is the check.
pub trait Parsed {}

macro_rules! parsed {
    ($($content:ty),* $(,)?) => {$(
        impl Parsed for $content {}
    )*};
}
parsed!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64, bool, char, String);
parsed!(IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6);
parsed!(
    header::Accept,
    header::AcceptCharset,
    header::AcceptEncoding,
    header::AcceptLanguage,
    header::Allow,
    header::CacheControl,
    header::ContentDisposition,
    header::ContentLanguage,
    header::ContentLength,
    header::ContentRange,
    header::ContentType,
    header::Date,
    header::ETag,
    header::Expires,
    header::IfMatch,
    header::IfModifiedSince,
    header::IfNoneMatch,
    header::IfRange,
    header::IfUnmodifiedSince,
    header::LastModified,
    header::Range,
);
#[cfg(feature = "uuid")]
parsed!(uuid::Uuid);

macro_rules! parsed_non_zero {
    ($($number:ty)*) => {$(
        impl Parsed for NonZero<$number> {}
    )*};
}
parsed_non_zero!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize);

macro_rules! parsed_tuples {
    () => {};
    ($first:ident $($name:ident)*) => {
        impl<$first: Parsed, $($name: Parsed),*> Parsed for ($first, $($name,)*) {}
        parsed_tuples!($($name)*);
    };
}
parsed_tuples!(A B C D E F G H);
