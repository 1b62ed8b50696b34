//! The page that a drill leaves, in a real browser: it shows what it has to, in light and in dark, and
//! asks nobody for anything.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use drillgate::evidence::record::Record;
use drillgate::evidence::{folder, samples};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Names another browser than the `chromium` of the PATH.
const BROWSER_VARIABLE: &str = "DRILLGATE_BROWSER";

/// A browser that has a folder for its profile, and for whatever it asks of a network a proxy that
/// writes down the request and does not answer.
struct Browser {
    home: TempDir,
    proxy: String,
    asked: UnboundedReceiver<String>,
}

impl Browser {
    async fn new() -> Browser {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        let (tell, asked) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let tell = tell.clone();
                // By itself: a browser may open a connection ahead, and ask nothing by it.
                tokio::spawn(async move {
                    let mut start = vec![0; 256];
                    let read = stream.read(&mut start).await.unwrap_or(0);
                    let _ = tell.send(String::from_utf8_lossy(&start[..read]).into_owned());
                });
            }
        });
        let home = tempfile::tempdir().unwrap();
        Browser { home, proxy, asked }
    }

    /// Opens a page and gives what the browser writes.
    async fn open(&self, address: &str, arguments: &[&str]) -> String {
        let browser = std::env::var_os(BROWSER_VARIABLE).unwrap_or_else(|| "chromium".into());
        let profile = self.home.path().join("profile");
        let ended = Command::new(&browser)
            // The page is ours, and the sandbox needs rights that containers do not give.
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
            ])
            .args([
                "--no-first-run",
                "--disable-background-networking",
                "--disable-extensions",
            ])
            .args([
                "--disable-component-update",
                "--disable-sync",
                "--window-size=1000,1600",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--proxy-server={}", self.proxy))
            .args(arguments)
            .arg(address)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
        let ended = match ended.expect("the browser ends") {
            Ok(ended) => ended,
            Err(error) => panic!(
                "{} does not start ({error}): run `make browser`, or name one in {BROWSER_VARIABLE}",
                browser.display()
            ),
        };
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{errors}");
        String::from_utf8(ended.stdout).unwrap()
    }

    async fn dom(&self, address: &str) -> String {
        self.open(address, &["--dump-dom"]).await
    }

    async fn picture(&self, address: &str, more: &[&str]) -> Vec<u8> {
        let file = self.home.path().join("picture.png");
        let target = format!("--screenshot={}", file.display());
        let arguments = [&[target.as_str()], more].concat();
        self.open(address, &arguments).await;
        fs::read(&file).unwrap()
    }

    /// The hosts that were asked for since, of those that a page of ours could name.
    fn asked_for(&mut self, host: &str) -> usize {
        let mut count = 0;
        while let Ok(request) = self.asked.try_recv() {
            count += usize::from(request.contains(host));
        }
        count
    }
}

/// Writes the folder of a record, and gives the address of its page.
fn page_of(record: &Record, home: &Path, name: &str) -> String {
    let folder = home.join(name);
    folder::write(record, &folder, None, samples::signing_time()).unwrap();
    format!("file://{}", folder.join("report.html").display())
}

#[tokio::test]
async fn the_browser_has_the_verdict_the_timeline_and_each_check() {
    let browser = Browser::new().await;
    let record = samples::failed();
    let address = page_of(&record, browser.home.path(), "failed");
    let dom = browser.dom(&address).await;
    assert!(dom.contains("</span> Failed</p>"), "{dom}");
    assert_eq!(dom.matches("<svg ").count(), 2);
    for check in &record.checks {
        let row = format!("<th scope=\"row\">{}<span", check.name);
        assert!(dom.contains(&row), "{row}");
    }
}

#[tokio::test]
async fn a_hostile_record_runs_nothing_and_asks_nobody() {
    let mut browser = Browser::new().await;
    let mut record = samples::hostile();
    record.drill.name =
        "<img src=http://leak.test/a><script>document.title='ran'</script>".to_owned();
    record.residue = vec!["<link rel=stylesheet href=http://leak.test/b>".to_owned()];
    let address = page_of(&record, browser.home.path(), "hostile");
    let dom = browser.dom(&address).await;
    assert!(!dom.contains("<script") && !dom.contains("<img") && !dom.contains("<title>ran"));
    assert_eq!(browser.asked_for("leak.test"), 0);

    // The same on a page that is not escaped: the proxy would have seen it.
    let leaky = browser.home.path().join("leaky.html");
    fs::write(&leaky, "<!doctype html><img src=http://leak.test/a>").unwrap();
    browser.dom(&format!("file://{}", leaky.display())).await;
    assert_ne!(browser.asked_for("leak.test"), 0);
}

#[tokio::test]
async fn the_policy_of_the_page_lets_no_injected_tag_ask_or_run() {
    let mut browser = Browser::new().await;
    let address = page_of(&samples::passed(), browser.home.path(), "passed");
    let path = address.strip_prefix("file://").unwrap();
    let injected = "<img src=http://leak.test/a><script>document.title='ran'</script></main>";
    let page = fs::read_to_string(path)
        .unwrap()
        .replace("</main>", injected);
    fs::write(path, page).unwrap();
    let dom = browser.dom(&address).await;
    assert!(dom.contains("leak.test") && !dom.contains("<title>ran"));
    assert_eq!(browser.asked_for("leak.test"), 0);
}

#[tokio::test]
async fn light_and_dark_are_drawn_and_differ() {
    let browser = Browser::new().await;
    let address = page_of(&samples::passed(), browser.home.path(), "passed");
    let blank = browser.picture("about:blank", &[]).await;
    let light = browser
        .picture(&address, &["--blink-settings=preferredColorScheme=1"])
        .await;
    let dark = browser
        .picture(&address, &["--blink-settings=preferredColorScheme=0"])
        .await;
    for picture in [&light, &dark] {
        // A picture of one colour is next to nothing.
        assert!(
            picture.len() > 4 * blank.len(),
            "{} {}",
            picture.len(),
            blank.len()
        );
    }
    assert_ne!(light, dark);
}

#[tokio::test]
async fn a_phone_and_a_printer_get_all_of_it() {
    let browser = Browser::new().await;
    let address = page_of(&samples::failed(), browser.home.path(), "failed");
    let wide = browser.picture(&address, &[]).await;
    let phone = browser.picture(&address, &["--window-size=500,1600"]).await;
    // The width in the header of a PNG: the page is not drawn wider than the phone.
    assert_eq!(phone[16..20], 500_u32.to_be_bytes());
    assert_ne!(wide, phone);

    let file = browser.home.path().join("page.pdf");
    let target = format!("--print-to-pdf={}", file.display());
    browser
        .open(&address, &[&target, "--no-pdf-header-footer"])
        .await;
    let paper = fs::read(&file).unwrap();
    assert!(paper.starts_with(b"%PDF-"));
    let pages = String::from_utf8_lossy(&paper)
        .matches("/Type /Page\n")
        .count();
    assert!(pages >= 3, "{pages}");
}
