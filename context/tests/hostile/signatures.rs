//! Signatures and MACs that are nearly right. The header and the claims are, in every row.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use drill_context::Key;
use sha2::{Digest, Sha256, Sha512};

use crate::keys::{Signatory, secret};
use crate::table::{CLAIMS, HEADER, Row, message};

const ED_HEADER: &str = r#"{"alg":"EdDSA",<typ>,"kid":"ed"}"#;

/// The eight points of small order, and after them their encodings that are not canonical.
const SMALL_ORDER: [&str; 14] = [
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "7P_______________________________________38",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
    "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU",
    "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU",
    "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA3o",
    "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_o",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAIA",
    "7P________________________________________8",
    "7v_______________________________________38",
    "7v________________________________________8",
    "7f_______________________________________38",
    "7f________________________________________8",
];

/// The order of the base point, little-endian (RFC 8032, 5.1).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Made with the private key and curve arithmetic, for this header and these claims. A laxer
/// verifier accepts each of them: they are signatures, but not in the one form that there is.
const BY_HAND: [(&str, &str, &str); 5] = [
    (
        "accepted",
        "a nonce of the signer's own choice",
        "szKdfhHsLEzfZYO2qcR0MN0vMngcRU7VuZu9yq7DxOwfGjmu7-2vUukCJ8knL7GD7xes0aW-Yi5sVzcpxBZMCg",
    ),
    (
        "bad-signature",
        "R with a part of order 8, as cofactored verification accepts it",
        "OKlIW-99nDE_-jVQbs5ql39V5OKLeT4SOlQ-OggfzQeYe8GqkgzJ3Q0_OnwYxg-jsa6trwPA25HYAVo6iKtADg",
    ),
    (
        "bad-signature",
        "R of order 8, as cofactored verification accepts it",
        "xxdqcD1N2E-6PAt2DRBnDyogU_osOczGTsf9d5KsA_q-7SM6ok2JvI-ouduRhgEpKHkffomiElqm9m5yup7CAw",
    ),
    (
        "bad-signature",
        "the neutral element for R, as RFC 8032 accepts it",
        "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC-6sSKMS991sTKIZtjXSzhqGKDddftQHn1uY8hML7RCA",
    ),
    (
        "bad-signature",
        "the neutral element for R, not in canonical form",
        "7v_______________________________________3_B7vmE1o0GStnAVFgVz28wq2xnaDpCHXHeFp81U9s0DQ",
    ),
];

pub fn rows() -> Vec<Row> {
    let mut rows = macs();
    rows.extend(ed25519());
    let by_hand = |(verdict, name, signature): (&str, &str, &str)| {
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        row("Ed25519", verdict, name, ED_HEADER, &signature)
    };
    rows.extend(BY_HAND.map(by_hand));
    for point in SMALL_ORDER {
        let zero = [URL_SAFE_NO_PAD.decode(point).unwrap(), vec![0; 32]].concat();
        let name = format!("S of zero and R of small order, {point}");
        rows.push(row("Ed25519", "bad-signature", &name, ED_HEADER, &zero));
    }
    rows
}

fn row(class: &str, verdict: &str, name: &str, header: &str, signature: &[u8]) -> Row {
    let message = message(header, CLAIMS);
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Row {
        class: class.to_owned(),
        name: name.to_owned(),
        verdict: verdict.to_owned(),
        fields: vec![format!("{message}.{signature}").into_bytes()],
    }
}

fn macs() -> Vec<Row> {
    let message = message(HEADER, CLAIMS);
    let mac = Signatory::Hs.sign(message.as_bytes());
    let of = |message: &str| Signatory::Hs.sign(message.as_bytes());
    let refused = |name, mac: &[u8]| row("HMAC", "bad-signature", name, HEADER, mac);
    let keyed = [secret(), message.clone().into_bytes()].concat();
    vec![
        row("HMAC", "accepted", "as it should be", HEADER, &mac),
        row("HMAC", "malformed", "empty", HEADER, b""),
        refused("zero", &[0; 32]),
        refused("the first byte", &mac[..1]),
        refused("the first half", &mac[..16]),
        refused("all but the last byte", &mac[..31]),
        refused("with a byte more", &[&mac[..], &[0]].concat()),
        refused("twice", &[&mac[..], &mac].concat()),
        refused("backwards", &mac.iter().rev().copied().collect::<Vec<_>>()),
        refused(
            "over the payload alone",
            &of(message.split_once('.').unwrap().1),
        ),
        refused(
            "over header and payload without a dot",
            &of(&message.replace('.', "")),
        ),
        refused("over the message and a dot", &of(&format!("{message}."))),
        refused("over an empty message", &of("")),
        refused("a plain hash of the message", &Sha256::digest(&message)),
        refused(
            "a plain hash of secret and message",
            &Sha256::digest(&keyed),
        ),
        refused("a longer hash, cut off", &Sha512::digest(&keyed)[..32]),
        refused("of the key named hs-2", &hs_2(message.as_bytes())),
    ]
}

fn hs_2(message: &[u8]) -> Vec<u8> {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<Sha256>::new_from_slice(&[0x5a; 32]).unwrap();
    mac.chain_update(message).finalize().into_bytes().to_vec()
}

fn ed25519() -> Vec<Row> {
    let message = message(ED_HEADER, CLAIMS);
    let signature = Signatory::Ed.sign(message.as_bytes());
    let (r, s) = signature.split_at(32);
    let mut negative_r = r.to_vec();
    negative_r[31] ^= 0x80;
    let mut high_bit = signature.clone();
    high_bit[63] |= 0x80;
    let payload = message.split_once('.').unwrap().1;
    let of_payload = Signatory::Ed.sign(payload.as_bytes());
    let of_hash = Signatory::Ed.sign(&Sha512::digest(&message));
    let refused =
        |name, signature: &[u8]| row("Ed25519", "bad-signature", name, ED_HEADER, signature);
    vec![
        row(
            "Ed25519",
            "accepted",
            "as it should be",
            ED_HEADER,
            &signature,
        ),
        row("Ed25519", "malformed", "empty", ED_HEADER, b""),
        refused("zero", &[0; 64]),
        refused("all ones", &[0xff; 64]),
        refused(
            "S + L, the same number to a lax verifier",
            &[r, &plus_order(s, 1)].concat(),
        ),
        refused("S + 2L", &[r, &plus_order(s, 2)].concat()),
        refused(
            "S + 14L, the largest that fits",
            &[r, &plus_order(s, 14)].concat(),
        ),
        refused("S of L", &[r, &ORDER].concat()),
        refused("a bit of S that is never used", &high_bit),
        refused("R negated", &[&negative_r, s].concat()),
        refused("S of zero", &[r, &[0; 32]].concat()),
        refused("R and S the other way round", &[s, r].concat()),
        refused("R alone", r),
        refused("all but the last byte", &signature[..63]),
        refused("with a byte more", &[&signature[..], &[0]].concat()),
        refused("twice", &[&signature[..], &signature].concat()),
        refused("over the payload alone", &of_payload),
        refused("over the hash of the message", &of_hash),
    ]
}

/// `s` and so many times the order.
fn plus_order(s: &[u8], times: u32) -> Vec<u8> {
    let mut carry = 0;
    let add = |(s, order): (&u8, u8)| {
        let sum = u32::from(*s) + u32::from(order) * times + carry;
        carry = sum >> 8;
        (sum & 0xff) as u8
    };
    s.iter().zip(ORDER).map(add).collect()
}

#[test]
fn no_key_of_small_order_is_taken_in_any_encoding() {
    for point in SMALL_ORDER {
        let public = URL_SAFE_NO_PAD.decode(point).unwrap();
        assert!(
            Key::ed25519("k".parse().unwrap(), &public).is_err(),
            "{point}"
        );
    }
}
