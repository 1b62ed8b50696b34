//! The value of the `X-Drill-Context` header: how it is signed, verified and validated.
//!
//! The value is a JWS in Compact Serialization ([RFC 7515]) in a strict profile
//! ([RFC 8725]): one token type per purpose, keys that are found by exact `kid` and are
//! each bound to one algorithm, no parameter that lets a token choose how it is verified.
//!
//! There is no I/O here and no clock: the current time is an argument, in seconds of the
//! Unix epoch. The crate builds natively and for `wasm32-wasip1`.
//!
//! ```
//! use drill_context::{Claims, Key, Keyring, Limits, SigningKey, TokenType, sign, verify};
//!
//! let key = SigningKey::hs256("ci-2026".parse()?, &[7; 32])?;
//! let claims = Claims::new(
//!     "6f1c2b9e-4a77-4d0c-9a55-0f5a7c1d2e3f".parse()?,
//!     "orders-dr".parse()?,
//!     1_790_000_000,
//! );
//! let value = sign(&key, TokenType::Drill, &claims);
//!
//! let keyring = Keyring::new([key.verifying_key()])?;
//! let verified = verify(&value, &keyring)?;
//! let received = verified.claims()?;
//! Limits::default().check(&received, 1_790_000_010)?;
//! assert_eq!(received.environment.as_str(), "orders-dr");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [RFC 7515]: https://www.rfc-editor.org/rfc/rfc7515
//! [RFC 8725]: https://www.rfc-editor.org/rfc/rfc8725

mod claims;
mod header;
pub mod json;
mod jws;
mod key;
mod keyring;
mod limits;
mod names;
mod reason;
mod token;

pub use claims::{Claims, MAX_TIME, validate_claims};
pub use header::{HEADER_NAME, MAX_VALUE_BYTES, single_value};
pub use jws::{Jws, verify_jws};
pub use key::{Algorithm, Key, KeyError, MIN_SECRET_BYTES, SigningKey};
pub use keyring::Keyring;
pub use limits::{LimitError, Limits, MAX_SKEW_SECONDS};
pub use names::{DrillId, Environment, InvalidName, KeyId, TokenId};
pub use reason::Reason;
pub use token::{TokenType, Verified, sign, verify};
