use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::Bench;

#[test]
fn a_new_key_is_for_its_owner_alone_and_is_not_printed() {
    for alg in ["HS256", "Ed25519"] {
        let bench = Bench::new();
        let ended = bench
            .run(&["keys", "new", "--alg", alg, "--out", "k.jwk"])
            .with_code(0);
        let mode = fs::metadata(bench.path("k.jwk"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(ended.stdout, "");
        assert!(
            ended.stderr.contains("keys show k.jwk --config"),
            "{}",
            ended.stderr
        );
        assert!(!ended.stderr.contains(&bench.secret("k.jwk")));
    }
}

#[test]
fn a_key_file_is_never_overwritten() {
    let bench = Bench::with_key("HS256");
    let before = bench.read("k1.jwk");
    bench
        .run(&["keys", "new", "--out", "k1.jwk"])
        .fails_with("k1.jwk exists and is never overwritten: name another file");
    assert_eq!(bench.read("k1.jwk"), before);
}

#[test]
fn a_new_key_goes_to_standard_output_only_when_asked() {
    let bench = Bench::new();
    let ended = bench
        .run(&["keys", "new", "--kid", "k1", "--out", "-"])
        .with_code(0);
    assert_eq!(ended.json()["kid"], "k1");
    assert_eq!(ended.stderr, "");
    bench.run(&["keys", "new"]).fails_with("--out <FILE>");
    assert_eq!(fs::read_dir(bench.path(".")).unwrap().count(), 0);
}

#[test]
fn a_key_without_a_name_gets_one() {
    let bench = Bench::new();
    let ended = bench.run(&["keys", "new", "--out", "-"]).with_code(0);
    assert!(ended.json()["kid"].as_str().unwrap().starts_with("drill-"));
}

#[test]
fn a_folder_that_does_not_exist_is_named() {
    let bench = Bench::new();
    bench
        .run(&["keys", "new", "--out", "no/k.jwk"])
        .fails_with("no/k.jwk cannot be made: make its folder first");
}

#[test]
fn the_public_half_is_a_jwk_without_the_private_key() {
    let bench = Bench::with_key("Ed25519");
    let public = bench.run(&["keys", "public", "k1.jwk"]).with_code(0);
    let private: serde_json::Value = serde_json::from_str(&bench.read("k1.jwk")).unwrap();
    assert_eq!(
        public.json(),
        json!({
            "kty": "OKP",
            "crv": "Ed25519",
            "kid": "k1",
            "alg": "EdDSA",
            "x": private["x"],
        })
    );
}

#[test]
fn an_hs256_key_has_no_public_half() {
    let bench = Bench::with_key("HS256");
    bench
        .run(&["keys", "public", "k1.jwk"])
        .fails_with("key k1 is for HS256, which has no public half");
}

#[test]
fn a_key_is_shown_without_its_secret_unless_asked() {
    for alg in ["HS256", "Ed25519"] {
        let bench = Bench::with_key(alg);
        let secret = bench.secret("k1.jwk");
        for format in ["text", "json"] {
            let show = ["keys", "show", "k1.jwk", "--output", format];
            let ended = bench.run(&show).with_code(0);
            assert!(ended.stdout.contains(alg) && ended.stdout.contains("0600"));
            assert!(!ended.stdout.contains(&secret) && ended.stderr.is_empty());
            let ended = bench.run(&[&show[..], &["--secret"]].concat()).with_code(0);
            assert!(ended.stdout.contains(&secret));
        }
    }
}

#[test]
fn the_entry_for_the_filter_shows_a_secret_only_when_asked() {
    let bench = Bench::with_key("HS256");
    let config = ["keys", "show", "k1.jwk", "--config"];
    bench.run(&config).fails_with("add --secret");
    let entry = bench
        .run(&[&config[..], &["--secret"]].concat())
        .with_code(0);
    let secret = bench.secret("k1.jwk");
    assert_eq!(
        entry.json(),
        json!({"k1": {"alg": "HS256", "secret": secret}})
    );

    let bench = Bench::with_key("Ed25519");
    let entry = bench.run(&config).with_code(0).json();
    let public = bench.run(&["keys", "public", "k1.jwk"]).json()["x"].clone();
    assert_eq!(
        entry,
        json!({"k1": {"alg": "Ed25519", "publicKey": public}})
    );
}

#[test]
fn a_secret_that_others_can_read_is_warned_of() {
    let bench = Bench::with_key("HS256");
    fs::set_permissions(bench.path("k1.jwk"), Permissions::from_mode(0o644)).unwrap();
    for command in [
        &["keys", "show", "k1.jwk"][..],
        &["sign", "--key", "k1.jwk", "--probe"],
    ] {
        let ended = bench.run(command).with_code(0);
        let warning = "warning: key file k1.jwk has mode 0644";
        assert!(ended.stderr.starts_with(warning), "{}", ended.stderr);
        assert!(
            ended.stderr.contains("chmod 600 k1.jwk"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn errors_show_no_secret() {
    let bench = Bench::with_key("HS256");
    let (text, secret) = (bench.read("k1.jwk"), bench.secret("k1.jwk"));
    for (name, broken) in [
        ("alg", text.replace("HS256", "HS512")),
        ("padded", text.replace(&secret, &format!("{secret}="))),
        (
            "twice",
            text.replacen('{', &format!(r#"{{"k":"{secret}","#), 1),
        ),
        ("cut", text.replace('}', "")),
        ("bare", secret.clone()),
    ] {
        bench.write(name, &broken);
        for command in [
            &["keys", "show", name][..],
            &["keys", "public", name],
            &["sign", "--probe", "--key", name],
            &["verify", "a.b.c", "--key", name],
        ] {
            let ended = bench.run(command).with_code(2);
            let start = format!("error: key file {name}: ");
            assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
            assert!(!ended.stderr.contains(&secret) && ended.stdout.is_empty());
        }
    }
    let ended = bench.run(&["sign", "--probe", "--key", &text]).with_code(2);
    assert!(!ended.stderr.contains(&secret), "{}", ended.stderr);
}
