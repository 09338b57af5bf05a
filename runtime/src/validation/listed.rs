//! The arguments of a handler as a list, for generated code that must skip arguments disabled by `#[cfg(..)]`.

/// A tuple of arguments as a list: `(&A, (&B, ()))`.
pub trait Listed {
    /// The arguments as nested pairs of references.
    type List<'a>
    where
        Self: 'a;

    /// References to the arguments, one after the other.
    fn listed(&self) -> Self::List<'_>;
}

macro_rules! listed {
    ($($name:ident)*) => {
        listed!(@tuple $($name)*);
        listed!(@shorter $($name)*);
    };
    (@shorter) => {};
    (@shorter $first:ident $($name:ident)*) => {
        listed!($($name)*);
    };
    (@tuple $($name:ident)*) => {
        impl<$($name),*> Listed for ($($name,)*) {
            type List<'a> = listed!(@type 'a $($name)*) where Self: 'a;

            #[allow(non_snake_case, reason = "the names are those of the type parameters")]
            fn listed(&self) -> Self::List<'_> {
                let ($($name,)*) = self;
                listed!(@value $($name)*)
            }
        }
    };
    (@type $life:lifetime) => { () };
    (@type $life:lifetime $first:ident $($name:ident)*) => { (&$life $first, listed!(@type $life $($name)*)) };
    (@value) => { () };
    (@value $first:ident $($name:ident)*) => { ($first, listed!(@value $($name)*)) };
}

// A handler of actix-web has at most this many arguments.
listed!(A B C D E F G H I J K L M N O P);

#[cfg(test)]
mod tests {
    use super::Listed;

    #[test]
    fn tuple_becomes_a_list_in_order() {
        assert_eq!((1, "two", '3').listed(), (&1, (&"two", (&'3', ()))));
        assert_eq!(().listed(), ());
    }
}
