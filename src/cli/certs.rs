//! `tlsport certs`: a CA, and certificates for a server and a client, done right, in a directory.

use super::failure::{Failure, Status};
use super::pki::{Host, Identity, KeyKind, Subject};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tlsport::error::{Error, Kind, Problems};

const AFTER_HELP: &str = "\
Files in DIR:
  ca.pem ca.key                        the CA: ca.pem goes to clients, ca.key stays here
  server.pem                           chain and key in one file, for --ssl.keyfile
  server.crt server.key                the same in two files
  client.pem client.crt client.key     the same for a client
  intermediate.pem intermediate.key    with --intermediate

Keys have mode 0600. A CA already in DIR signs again; nothing else is replaced without --force.";

/// A CA lasts ten years, or as long as the longest leaf asked for.
const AUTHORITY_DAYS: u32 = 3652;

/// Which certificates are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    Server,
    Client,
}

/// `tlsport certs`.
pub(crate) fn command() -> Command {
    Command::new("certs")
        .about("Make a CA and certificates for a server and a client")
        .after_long_help(AFTER_HELP)
        .args([
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .value_parser(value_parser!(PathBuf))
                .required(true)
                .help("Where to; made with mode 0700 when it does not exist"),
            Arg::new("host")
                .long("host")
                .value_name("NAME")
                .value_parser(value_parser!(Host))
                .action(ArgAction::Append)
                .required_unless_present("only")
                .help("DNS name or address of the server; may repeat"),
            Arg::new("key")
                .long("key")
                .value_name("KIND")
                .value_parser(one_of(KeyKind::ALL))
                .default_value("ecdsa")
                .hide_possible_values(true)
                .help("Of all keys: ecdsa, rsa or ed25519"),
            Arg::new("days")
                .long("days")
                .value_name("N")
                .value_parser(value_parser!(u32).range(1..=36_500))
                .default_value("365")
                .help("Days until the certificates end"),
            Arg::new("intermediate")
                .long("intermediate")
                .action(ArgAction::SetTrue)
                .help("Sign with an intermediate CA, which joins the chain"),
            Arg::new("name")
                .long("name")
                .value_name("NAME")
                .value_parser(file_name)
                .default_value("server")
                .help("Base name of the server's files"),
            Arg::new("client-name")
                .long("client-name")
                .value_name("NAME")
                .value_parser(file_name)
                .default_value("client")
                .help("The client and its files"),
            Arg::new("only")
                .long("only")
                .value_name("WHICH")
                .value_parser(one_of([("server", Only::Server), ("client", Only::Client)]))
                .hide_possible_values(true)
                .help("Make only that: server or client"),
            Arg::new("force")
                .long("force")
                .action(ArgAction::SetTrue)
                .help("Replace files of the same names, but never the CA"),
        ])
}

/// Makes what is missing and says what it made.
pub(crate) fn run(matches: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let wish = Wish::from(matches)?;
    let made = make(&wish)?;
    for line in &made.said {
        writeln!(out, "{line}")?;
    }
    Ok(next(&wish, out)?)
}

/// What is asked for.
pub(crate) struct Wish {
    pub(crate) directory: PathBuf,
    pub(crate) hosts: Vec<Host>,
    pub(crate) kind: KeyKind,
    pub(crate) days: u32,
    pub(crate) intermediate: bool,
    pub(crate) server: Option<String>,
    pub(crate) client: Option<String>,
    pub(crate) force: bool,
}

/// What was done, a line each.
pub(crate) struct Made {
    said: Vec<String>,
}

impl Wish {
    fn from(matches: &ArgMatches) -> Result<Wish, Error> {
        let only = matches.get_one::<Only>("only");
        let hosts = matches.get_many::<Host>("host").unwrap_or_default();
        let wish = Wish {
            directory: one::<PathBuf>(matches, "out").clone(),
            hosts: hosts.cloned().collect(),
            kind: *one(matches, "key"),
            days: *one(matches, "days"),
            intermediate: matches.get_flag("intermediate"),
            server: (only != Some(&Only::Client)).then(|| one::<String>(matches, "name").clone()),
            client: (only != Some(&Only::Server))
                .then(|| one::<String>(matches, "client-name").clone()),
            force: matches.get_flag("force"),
        };
        if wish.server.is_some() && wish.hosts.is_empty() {
            let message = "a server's certificate needs at least one --host NAME";
            return Err(Error::new(Kind::Usage, message));
        }
        if wish.server.is_some() && wish.server == wish.client {
            let message =
                "--name and --client-name: the server and the client need different names";
            return Err(Error::new(Kind::Usage, message));
        }
        Ok(wish)
    }
}

fn one<'a, T: Clone + Send + Sync + 'static>(matches: &'a ArgMatches, name: &str) -> &'a T {
    matches
        .get_one(name)
        .expect("clap requires it or has a default for it")
}

/// Takes one of a few names for what it stands for.
fn one_of<T, const N: usize>(choices: [(&'static str, T); N]) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(choices.map(|(name, _)| name)).map(move |chosen| {
        let choice = choices.iter().find(|(name, _)| *name == chosen);
        choice.expect("clap takes none but these names").1
    })
}

/// A base name that stays in its directory and collides with no other file made here.
fn file_name(text: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_alphanumeric() || "._-@".contains(letter);
    if text.is_empty()
        || text.len() > 64
        || text.starts_with(['.', '-'])
        || !text.chars().all(plain)
    {
        return Err("not a plain file name of at most 64 letters".into());
    }
    if ["ca", "intermediate"].contains(&text) {
        return Err("that name belongs to an authority".into());
    }
    Ok(text.to_owned())
}

/// A file to be written.
struct Output {
    path: PathBuf,
    content: Vec<u8>,
    /// Whether only the owner may read it.
    secret: bool,
}

/// Makes certificates as wished, in its directory. Nothing is written unless all of it can be.
pub(crate) fn make(wish: &Wish) -> Result<Made, Failure> {
    refuse_to_replace(wish)?;
    let mut outputs = Vec::new();
    let mut said = Vec::new();
    let authority = authorities(wish, &mut outputs, &mut said)?;
    if let Some(name) = &wish.server {
        let server = authority.issue(&Subject::Server(&wish.hosts), wish.kind, wish.days)?;
        let hosts: Vec<String> = wish.hosts.iter().map(Host::to_string).collect();
        said.push(line("server", wish, name, &server, &hosts.join(", ")));
        add_leaf(&mut outputs, wish, name, &server)?;
    }
    if let Some(name) = &wish.client {
        let client = authority.issue(&Subject::Client(name), wish.kind, wish.days)?;
        said.push(line("client", wish, name, &client, name));
        add_leaf(&mut outputs, wish, name, &client)?;
    }
    make_directory(&wish.directory)?;
    for output in &outputs {
        write(output)?;
    }
    Ok(Made { said })
}

/// The endings of a leaf's files.
const LEAF_FILES: [&str; 3] = ["pem", "crt", "key"];

fn refuse_to_replace(wish: &Wish) -> Result<(), Failure> {
    let names = wish.server.iter().chain(&wish.client);
    let files = names.flat_map(|name| LEAF_FILES.map(|ending| wish.file(name, ending)));
    let existing = files.filter(|path| !wish.force && path.symlink_metadata().is_ok());
    let refuse = |path: PathBuf| {
        let message = format!(
            "will not replace '{}': choose another --name, --client-name or --out, or say --force",
            path.display()
        );
        Error::new(Kind::Io, message)
    };
    let refusals: Vec<Error> = existing.map(refuse).collect();
    Problems::or(refusals, ()).map_err(|problems| Failure::Problems(Status::Failed, problems))
}

impl Wish {
    /// A file of the directory.
    pub(crate) fn file(&self, name: &str, ending: &str) -> PathBuf {
        self.directory.join(format!("{name}.{ending}"))
    }
}

/// Who signs: the root, or the intermediate below it.
fn authorities(
    wish: &Wish,
    outputs: &mut Vec<Output>,
    said: &mut Vec<String>,
) -> Result<Identity, Error> {
    let days = AUTHORITY_DAYS.max(wish.days);
    let root = match read_authority(wish, "ca")? {
        Some(root) => {
            said.push(line("CA", wish, "ca", &root, "was there, and signs again"));
            root
        }
        None => {
            let name = format!("tlsport CA {}", distinction());
            let root = Identity::root(&name, wish.kind, days)?;
            said.push(line("CA", wish, "ca", &root, &name));
            add_authority(outputs, wish, "ca", &root)?;
            root
        }
    };
    if !wish.intermediate {
        return Ok(root);
    }
    if let Some(below) = read_authority(wish, "intermediate")? {
        let remark = "was there, and signs again";
        said.push(line("intermediate", wish, "intermediate", &below, remark));
        return Ok(below);
    }
    let name = format!("tlsport intermediate CA {}", distinction());
    let subject = Subject::Authority {
        name: &name,
        below: 0,
    };
    let below = root.issue(&subject, wish.kind, days)?;
    said.push(line("intermediate", wish, "intermediate", &below, &name));
    add_authority(outputs, wish, "intermediate", &below)?;
    Ok(below)
}

/// Tells the CAs of several directories apart in a list of issuers.
pub(crate) fn distinction() -> String {
    let mut bytes = [0; 4];
    // Only a name hangs on it: zeros will do where libcrypto has no random bytes, and keys could not be made either.
    let _ = openssl::rand::rand_bytes(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An authority that is there already.
///
/// # Errors
/// Half of one, one that cannot be read, that does not fit together, or that is over.
fn read_authority(wish: &Wish, name: &str) -> Result<Option<Identity>, Error> {
    let (certificate, key) = (wish.file(name, "pem"), wish.file(name, "key"));
    let (certificate, key) = match (certificate.exists(), key.exists()) {
        (false, false) => return Ok(None),
        (true, false) => return Err(half(&certificate, &key)),
        (false, true) => return Err(half(&key, &certificate)),
        (true, true) => (read_certificate(&certificate)?, read_key(&key)?),
    };
    let identity = Identity {
        certificate,
        key,
        intermediates: Vec::new(),
    };
    let path = wish.file(name, "pem");
    let why = if !identity.fits() {
        "its key belongs to another certificate"
    } else if identity.has_expired() {
        "it has expired"
    } else {
        return Ok(Some(identity));
    };
    Err(Error::settings(format!(
        "cannot sign with '{}': {why}",
        path.display()
    )))
}

fn half(there: &Path, missing: &Path) -> Error {
    let (there, missing) = (there.display(), missing.display());
    Error::settings(format!(
        "there is '{there}' but no '{missing}': bring it, or use another --out"
    ))
}

fn read_certificate(path: &Path) -> Result<X509, Error> {
    X509::from_pem(&read(path)?).map_err(|error| unreadable("certificate", path, &error))
}

fn read_key(path: &Path) -> Result<PKey<Private>, Error> {
    // Without the callback libcrypto would ask for a passphrase at the terminal.
    PKey::private_key_from_pem_callback(&read(path)?, |_| Ok(0))
        .map_err(|error| unreadable("unencrypted key", path, &error))
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path)
        .map_err(|error| Error::io(format_args!("cannot read '{}'", path.display()), &error))
}

fn unreadable(what: &str, path: &Path, error: &ErrorStack) -> Error {
    let message = format!("cannot read '{}': not a PEM {what}", path.display());
    Error::settings(message).caused_by(error.to_string())
}

fn add_authority(
    outputs: &mut Vec<Output>,
    wish: &Wish,
    name: &str,
    made: &Identity,
) -> Result<(), Error> {
    let certificate = made.certificate_pem()?;
    outputs.push(Output {
        path: wish.file(name, "pem"),
        content: certificate,
        secret: false,
    });
    outputs.push(Output {
        path: wish.file(name, "key"),
        content: made.key_pem()?,
        secret: true,
    });
    Ok(())
}

fn add_leaf(
    outputs: &mut Vec<Output>,
    wish: &Wish,
    name: &str,
    made: &Identity,
) -> Result<(), Error> {
    let contents = [made.keyfile_pem()?, made.chain_pem()?, made.key_pem()?];
    for (ending, content) in LEAF_FILES.into_iter().zip(contents) {
        let secret = ending != "crt";
        outputs.push(Output {
            path: wish.file(name, ending),
            content,
            secret,
        });
    }
    Ok(())
}

fn make_directory(path: &Path) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| {
        Error::io(
            format_args!("cannot make directory '{}'", path.display()),
            &error,
        )
    })
}

/// Writes beside and renames: nobody sees half a file, and a key is never readable for others, not even at first.
fn write(output: &Output) -> Result<(), Error> {
    let beside = output.path.with_extension("new");
    let result = write_beside(output, &beside).and_then(|()| fs::rename(&beside, &output.path));
    result.map_err(|error| {
        // What is left of it is of no use, and the first error is the one to tell.
        let _ = fs::remove_file(&beside);
        Error::io(
            format_args!("cannot write '{}'", output.path.display()),
            &error,
        )
    })
}

fn write_beside(output: &Output, beside: &Path) -> io::Result<()> {
    match fs::remove_file(beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = if output.secret { 0o600 } else { 0o644 };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(beside)?;
    file.write_all(&output.content)?;
    file.sync_all()
}

fn line(what: &str, wish: &Wish, name: &str, identity: &Identity, remark: &str) -> String {
    let path = wish.file(name, "pem");
    let until = identity.certificate.not_after();
    format!("{what:<13}{}  {remark} (until {until})", path.display())
}

/// What to type next.
fn next(wish: &Wish, out: &mut dyn Write) -> io::Result<()> {
    let ca = quoted(&wish.file("ca", "pem"));
    let (Some(server), Some(host)) = (&wish.server, wish.hosts.first()) else {
        return Ok(());
    };
    let keyfile = quoted(&wish.file(server, "pem"));
    let url = match host {
        Host::Address(address) if address.is_ipv6() => format!("https://[{address}]:8530/"),
        host => format!("https://{host}:8530/").replace("*.", "www."),
    };
    writeln!(out, "\nnext:")?;
    writeln!(
        out,
        "  tlsport serve --server.endpoint 'ssl://[::]:8530' --server.endpoint ssl://0.0.0.0:8530 \\\n                \
         --ssl.keyfile {keyfile} --backend tcp://127.0.0.1:9000"
    )?;
    writeln!(out, "  curl --cacert {ca} {url}")?;
    if let Some(client) = &wish.client {
        let client = quoted(&wish.file(client, "pem"));
        writeln!(
            out,
            "\nto serve only clients with a certificate of this CA, add --ssl.cafile {ca}:"
        )?;
        writeln!(out, "  curl --cacert {ca} --cert {client} {url}")?;
    }
    Ok(())
}

/// A path as a shell takes it for one word.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%,=".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
