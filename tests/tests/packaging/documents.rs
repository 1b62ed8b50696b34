//! What the documents show is what the repository has.

use drillgate_tests::control_plane::ControlPlane;

use super::tools::{helm, objects, printed, read, template};

#[test]
fn the_objects_in_the_readme_are_the_examples() {
    let readme = read("README.md");
    for file in ["gate.yaml", "drill.yaml"] {
        let example = read(&format!("examples/kubernetes/{file}"));
        assert!(
            readme.contains(&example),
            "README.md does not show examples/kubernetes/{file} as it is"
        );
    }
}

#[test]
fn every_value_that_is_explained_exists() {
    let values = objects(&read("manifests/chart/values.yaml")).remove(0);
    let document = read("docs/install.md");
    let section = document.split("## With Helm").nth(1).unwrap();
    let section = section
        .split(
            "
## ",
        )
        .next()
        .unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| row.split_once("` |"));
    let names: Vec<&str> = cells.flat_map(|(cell, _)| cell.split("`, `")).collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let pointer = format!("/{}", name.replace('.', "/"));
        assert!(
            values.pointer(&pointer).is_some(),
            "{name} is no value of the chart"
        );
    }
}

/// The command lines of Helm in a document, without the word `helm`.
fn helm_lines(document: &str) -> Vec<Vec<String>> {
    let joined = read(document).replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| line.strip_prefix("helm "));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    lines.map(words).collect()
}

#[test]
fn every_helm_command_in_the_documents_renders_and_has_flags_that_exist() {
    let mut lines = helm_lines("docs/install.md");
    lines.extend(helm_lines("README.md"));
    assert!(lines.len() >= 4, "{lines:?}");
    for words in lines {
        let help = printed(&helm(None, &[&words[0], "--help"]));
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")), "{words:?}: {flag}");
        }
        let sets = words.windows(2).filter(|pair| pair[0] == "--set");
        let sets: Vec<&str> = sets.flatten().map(String::as_str).collect();
        template(&sets);
    }
}

/// The command lines of kubectl in a document, up to where the shell goes on with something else
/// or something is quoted.
fn kubectl_lines(document: &str) -> Vec<Vec<String>> {
    let joined = read(document).replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| {
        let line = line.trim_start_matches("$ ").strip_prefix("kubectl ")?;
        let ends = ["|", "&&", ">", "#", "'", "\"", "jsonpath="];
        let words = line.split_whitespace();
        let words = words.take_while(|word| !ends.iter().any(|end| word.contains(end)));
        let mut words: Vec<String> = words.map(str::to_owned).collect();
        // A flag whose value was cut off.
        if words
            .last()
            .is_some_and(|word| word.starts_with('-') && !word.contains('='))
        {
            words.pop();
        }
        Some(words)
    });
    lines.collect()
}

#[tokio::test]
async fn every_kubectl_command_in_the_documents_has_flags_that_exist() {
    let plane = ControlPlane::start().await;
    let mut lines = Vec::new();
    for document in [
        "README.md",
        "docs/install.md",
        "docs/operations.md",
        "docs/pipelines.md",
    ] {
        lines.extend(kubectl_lines(document));
    }
    assert!(lines.len() > 20, "{lines:?}");
    for words in lines {
        // With an unknown flag or command kubectl fails, and explains nothing.
        let words = words.iter().map(String::as_str).chain(["--help"]);
        let help = plane.kubectl(words.collect::<Vec<_>>()).await;
        assert!(help.contains("Usage:"), "{help}");
    }
}

#[tokio::test]
async fn uninstalling_as_the_document_says_leaves_nothing() {
    let plane = ControlPlane::start().await;
    plane.install_istio_crds().await;
    plane.kubectl(["create", "namespace", "istio-system"]).await;
    let kubeconfig = plane.kubeconfig();
    let install =
        "install drillgate manifests/chart --namespace drillgate-system --create-namespace";
    let install: Vec<&str> = install.split(' ').collect();
    printed(&helm(Some(&kubeconfig), &install));

    let document = read("docs/install.md").replace("\\\n", " ");
    let section = document.split("## Uninstalling").nth(1).unwrap();
    let mut last = Vec::new();
    for line in section.lines() {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        if line.starts_with("helm ") {
            printed(&helm(Some(&kubeconfig), &words));
        } else if line.starts_with("kubectl ") {
            // Without a controller manager no namespace is ever gone.
            let waits = words[..2] == ["delete", "namespace"];
            let words = words.iter().copied().chain(waits.then_some("--wait=false"));
            last.push(plane.kubectl(words).await);
        }
    }
    // The last two are the proof; kubectl says on standard error that it has found nothing.
    assert_eq!(last.len(), 7);
    assert_eq!(last[5..], ["", ""]);
}
