//! A connection that came to nothing, with kdb+'s variables: what OpenSSL has printed, and in the end what q says.

use crate::cli::failure::Failure;
use tlsport::dialect::kdb::{NO_CONNECTION, TIMEOUT};
use tlsport::error::{Error, Kind, Problems};
use tlsport::settings::Words;

/// What is wrong, and q's words behind it where they are spoken.
pub(super) fn told(words: Words, failure: Failure) -> Failure {
    match failure {
        Failure::Problems(status, problems) if words == Words::Kdb => {
            Failure::Problems(status, as_q_does(problems))
        }
        failure => failure,
    }
}

fn as_q_does(Problems(mut problems): Problems) -> Problems {
    let dumps = problems.iter().filter_map(Error::dump);
    let dumped: Vec<Error> = dumps.flat_map(str::lines).map(Error::settings).collect();
    let has = |kind| problems.iter().any(|error| error.kind() == kind);
    let end = match (
        has(Kind::Settings) || !dumped.is_empty(),
        has(Kind::Timeout),
    ) {
        (true, _) => Some(NO_CONNECTION),
        (_, late) => late.then_some(TIMEOUT),
    };
    problems.extend(dumped);
    problems.extend(end.map(Error::settings));
    Problems(problems)
}
