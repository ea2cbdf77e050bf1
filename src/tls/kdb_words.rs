//! TLS that cannot be set up, in kdb+'s words: it prints OpenSSL's error queue, and then what came of it.

use crate::error::{Error, Problems};
use crate::settings::Settings;

/// What kdb+ says behind all that was wrong, where it was to serve TLS.
const FAILED: &str = "failed to load TLS certificates";

/// Every problem, each before what libssl has printed of it, and in the end what they came to.
pub(super) fn unusable(settings: &Settings, Problems(problems): Problems) -> Problems {
    let mut all = Vec::new();
    for problem in problems {
        let dump = problem.dump().into_iter().flat_map(str::lines);
        let dump: Vec<Error> = dump.map(Error::settings).collect();
        all.push(problem);
        all.extend(dump);
    }
    if settings.serves_tls() {
        all.push(Error::settings(FAILED));
    }
    Problems(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_prints_stands_behind_each_problem_and_the_end_behind_all() {
        let mut settings = Settings::default();
        let told = |settings: &Settings| {
            let dumped = Error::settings("no key").dumped("0A:error:1\n0A:error:2".into());
            let problems = Problems(vec![dumped, Error::settings("no CA")]);
            unusable(settings, problems).to_string()
        };
        let problems = "no key\n0A:error:1\n0A:error:2\nno CA";
        assert_eq!(told(&settings), format!("{problems}\n{FAILED}"));
        settings
            .add("server.endpoint", "kdb+tcp://127.0.0.1:0")
            .expect("an endpoint");
        assert_eq!(told(&settings), problems);
        settings
            .add("server.endpoint", "kdb://127.0.0.1:0")
            .expect("an endpoint");
        assert_eq!(told(&settings), format!("{problems}\n{FAILED}"));
    }
}
