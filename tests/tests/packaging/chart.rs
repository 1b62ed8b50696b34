//! The chart, without a cluster.

use serde_json::Value;

use super::tools::{called, helm, objects, printed, read, template};

/// Kinds of the Prometheus operator, whose definitions no test has.
pub const FOREIGN: [&str; 2] = ["ServiceMonitor", "PrometheusRule"];

/// The arguments for all that the chart can do.
pub const EVERYTHING: [&str; 2] = ["--values", "tests/tests/packaging/everything.yaml"];

#[test]
fn helm_finds_nothing_to_complain_about() {
    for values in [&[][..], &EVERYTHING] {
        let line = ["lint", "manifests/chart", "--strict", "--quiet"];
        printed(&helm(None, &[&line, values].concat()));
    }
}

#[test]
fn the_rendered_file_in_the_repository_is_current() {
    let current = format!("{}{}", read("manifests/namespace.yaml"), template(&[]));
    assert!(
        read("manifests/install.yaml") == current,
        "manifests/install.yaml: run `make manifests`"
    );
}

#[test]
fn the_chart_is_of_the_version_of_the_binary() {
    let chart = read("manifests/chart/Chart.yaml");
    for line in ["version", "appVersion"] {
        let line = format!("\n{line}: {}\n", env!("CARGO_PKG_VERSION"));
        assert!(chart.contains(&line), "{line}");
    }
}

#[test]
fn every_option_can_be_turned_on_and_off() {
    let all: Vec<String> = objects(&template(&EVERYTHING)).iter().map(called).collect();
    for name in [
        "ServiceMonitor/drillgate",
        "PrometheusRule/drillgate",
        "Role/drillgate-keys",
        "ServiceAccount/account",
    ] {
        assert!(
            all.iter().any(|found| found == name),
            "{name} is not in {all:?}"
        );
    }
    let off = [
        "crds.install=false",
        "serviceAccount.create=false",
        "serviceAccount.name=mine",
        "userRoles.create=false",
        "admission.enabled=false",
        "podDisruptionBudget.enabled=false",
        "networkPolicy.enabled=false",
        "gateNamespaces=null",
    ];
    let off: Vec<&str> = off.iter().flat_map(|value| ["--set", value]).collect();
    let few: Vec<String> = objects(&template(&off)).iter().map(called).collect();
    let left = [
        "ClusterRole/drillgate-controller",
        "ClusterRoleBinding/drillgate-controller",
        "Role/drillgate-lease",
        "RoleBinding/drillgate-lease",
        "Service/drillgate-metrics",
        "Service/drillgate-filter",
        "Deployment/drillgate",
    ];
    assert_eq!(few, left);
}

#[test]
fn a_value_that_means_nothing_is_refused_by_name() {
    for (value, named) in [
        ("replica=3", "replica"),
        ("replicas=0", "replicas"),
        ("admission.maxTtl=soon", "maxTtl"),
        ("admission.actions[0]=Allow", "actions"),
        ("gateNamespaces[0].name=Istio", "gateNamespaces"),
        ("image.digest=latest", "digest"),
    ] {
        let refused = helm(
            None,
            &["template", "drillgate", "manifests/chart", "--set", value],
        );
        let why = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && why.contains(named),
            "{value}: {why}"
        );
    }
}

#[test]
fn only_who_asks_for_it_gets_the_role_that_writes_config_maps() {
    let writes = |values: &[&str]| -> Vec<(String, String)> {
        let all = objects(&template(values));
        let rules = all.iter().flat_map(|object| {
            let rules = object["rules"].as_array().cloned().unwrap_or_default();
            rules.into_iter().map(move |rule| (called(object), rule))
        });
        let rules = rules.filter(|(_, rule)| rule["resources"].to_string().contains("configmaps"));
        rules
            .map(|(role, rule)| (role, rule["verbs"].to_string()))
            .collect()
    };
    assert_eq!(writes(&[]), []);
    let role = "ClusterRole/drillgate-pipeline-evidence".to_owned();
    let verbs = r#"["create","list","delete"]"#.to_owned();
    let asked = writes(&["--set", "userRoles.keepEvidence=true"]);
    assert_eq!(asked, [(role, verbs)]);
}

#[test]
fn no_role_allows_what_is_not_spelled_out() {
    for object in objects(&template(&EVERYTHING)) {
        let rules = object["rules"].as_array().cloned().unwrap_or_default();
        for rule in &rules {
            for list in ["apiGroups", "resources", "verbs", "resourceNames"] {
                let texts = rule[list].as_array().cloned().unwrap_or_default();
                let wild = texts
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|text| text.contains('*'));
                assert!(!wild, "{}: {rule}", called(&object));
            }
        }
    }
}

#[test]
fn the_pod_has_nothing_that_it_does_not_need() {
    let all = objects(&template(&[]));
    let deployment = all
        .iter()
        .find(|object| object["kind"] == "Deployment")
        .unwrap();
    let pod = &deployment["spec"]["template"]["spec"];
    let container = &pod["containers"][0]["securityContext"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    assert_eq!(container["readOnlyRootFilesystem"], true);
    assert_eq!(container["allowPrivilegeEscalation"], false);
    assert_eq!(container["capabilities"]["drop"][0], "ALL");
    // It hands its Lease back within 10 s of SIGTERM.
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 10);
    let account = all
        .iter()
        .find(|object| object["kind"] == "ServiceAccount")
        .unwrap();
    assert_eq!(account["automountServiceAccountToken"], false);
}

#[test]
fn the_flags_of_the_deployment_are_those_of_the_binary() {
    let binary = drillgate_tests::binary();
    let help = std::process::Command::new(binary)
        .args(["controller", "--help"])
        .output()
        .unwrap();
    let help = printed(&help);
    for object in objects(&template(&[])) {
        let arguments = object["spec"]["template"]["spec"]["containers"][0]["args"]
            .as_array()
            .cloned();
        for argument in arguments.unwrap_or_default() {
            let (flag, value) = argument.as_str().unwrap().split_once('=').unwrap();
            assert!(help.contains(&format!("{flag} <")), "{flag}");
            // What the values say by default is what the binary does by default. The module is the
            // image's, which images.rs looks into.
            let is_default = help.contains(&format!("[default: {value}]"));
            assert!(
                is_default || (flag, value) == ("--module", "/filter.wasm"),
                "{flag} {value}"
            );
        }
    }
}
