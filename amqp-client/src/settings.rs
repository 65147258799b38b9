//! The table that settings are written in: one entry is a public field, its default and its setter. It sets nothing itself.

/// A struct of settings, its `Default`, and a chained setter of the same name for each field.
///
/// An entry is `field: Type = default;`. Its setter takes the type, unless the entry goes on with what it takes and what
/// becomes of it: `name: String = "/".to_owned(), set(name: impl Into<String>) name.into();`.
macro_rules! settings {
    (
        $(#[$attribute:meta])*
        pub struct $name:ident {
            $(
                $(#[$doc:meta])*
                $field:ident: $type:ty = $default:expr $(, set($value:ident: $taken:ty) $set:expr)?;
            )*
        }
    ) => {
        $(#[$attribute])*
        pub struct $name {
            $( $(#[$doc])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        /// Each setter sets the field of its name.
        impl $name {
            $( $crate::settings::settings!(@setter $field: $type $(, $value: $taken, $set)?); )*
        }
    };
    (@setter $field:ident: $type:ty) => {
        $crate::settings::settings!(@setter $field: $type, $field: $type, $field);
    };
    (@setter $field:ident: $type:ty, $value:ident: $taken:ty, $set:expr) => {
        #[doc = concat!("Sets the field [`", stringify!($field), "`](field@Self::", stringify!($field), ").")]
        #[must_use]
        pub fn $field(mut self, $value: $taken) -> Self {
            self.$field = $set;
            self
        }
    };
}

pub(crate) use settings;
