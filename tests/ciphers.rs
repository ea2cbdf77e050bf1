//! Two hundred cipher strings, good and odd: what libssl makes of each here and in the openssl program.

use std::process::Command;
use tlsport::tls::ciphers::{Query, expand};

/// Strings as people write them, and as nobody should.
const STRINGS: &str = r#"
DEFAULT
ALL
COMPLEMENTOFALL
COMPLEMENTOFDEFAULT
ALL:COMPLEMENTOFALL
HIGH
MEDIUM
LOW
EXPORT
EXP
eNULL
NULL
aNULL
kRSA
aRSA
RSA
kDHE
kEDH
DHE
EDH
ADH
AECDH
kEECDH
kECDHE
EECDH
ECDHE
ECDH
aECDSA
ECDSA
aDSS
DSS
aDH
kDHd
kDHr
TLSv1.2
TLSv1.0
TLSv1
SSLv3
SSLv2
TLSv1.3
AES
AES128
AES256
AESGCM
AESCCM
AESCCM8
ARIA
ARIA128
ARIA256
ARIAGCM
CAMELLIA
CAMELLIA128
CAMELLIA256
CHACHA20
3DES
DES
RC4
RC2
IDEA
SEED
MD5
SHA1
SHA
SHA256
SHA384
GOST
aGOST
aGOST01
kGOST
GOST94
GOST89MAC
PSK
kPSK
kECDHEPSK
kDHEPSK
kRSAPSK
aPSK
SRP
kSRP
aSRP
SUITEB128
SUITEB128ONLY
SUITEB192
CBC
HIGH:!EXPORT:!aNULL@STRENGTH
HIGH:!aNULL@STRENGTH
HIGH:MEDIUM:+3DES:!aNULL
ECDHE+AESGCM:!aNULL
ECDHE+AESGCM:DHE+AESGCM
ECDHE+CHACHA20:ECDHE+AESGCM:!RSA
EECDH+AESGCM:EDH+AESGCM:AES256+EECDH:AES256+EDH
ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384
ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:DHE-RSA-AES128-GCM-SHA256
HIGH:!aNULL:!MD5:!3DES
HIGH:!kRSA:!kDHE
ALL:!aNULL:!ADH:!eNULL:!LOW:!EXP:RC4+RSA:+HIGH:+MEDIUM
ALL:!ADH:!LOW:!EXP:!MD5:@STRENGTH
AES256-SHA
AES128-SHA
AES128-SHA:AES256-SHA
AES256-SHA:AES128-SHA
AES128-SHA AES256-SHA
AES128-SHA,AES256-SHA
AES128-SHA;AES256-SHA
AES128-SHA::AES256-SHA
:AES128-SHA
AES128-SHA:
AES128-SHA:AES128-SHA
DES-CBC3-SHA
DES-CBC3-SHA:AES128-SHA
RC4-SHA:AES128-SHA
NULL-SHA
NULL-MD5
NULL-SHA256
NULL-SHA:@SECLEVEL=0
NULL-MD5:@SECLEVEL=0
eNULL:@SECLEVEL=0
eNULL@SECLEVEL=0
@SECLEVEL=0:eNULL
ALL:@SECLEVEL=0
ALL:@SECLEVEL=1
ALL:@SECLEVEL=2
ALL:@SECLEVEL=3
ALL:@SECLEVEL=4
ALL:@SECLEVEL=5
ALL:@SECLEVEL=6
ALL:@SECLEVEL=9
ALL:@SECLEVEL=-1
ALL:@SECLEVEL=x
ALL:@SECLEVEL=
ALL:@SECLEVEL
ALL@SECLEVEL=0
@SECLEVEL=0
@SECLEVEL=1:ALL
@SECLEVEL=0:@SECLEVEL=2:ALL
DEFAULT@SECLEVEL=0
DEFAULT:@SECLEVEL=2
DEFAULT:!AES
DEFAULT:-AES
DEFAULT:+AES
DEFAULT:-AES:AES128
DEFAULT:!AES:AES128
DEFAULT:!AES128:AES
DEFAULT:+CHACHA20
DEFAULT:+ECDHE:+DHE
DEFAULT:!DEFAULT
ALL:-ALL
ALL:!ALL
ALL:-ALL:AES128-SHA
ALL:!ALL:AES128-SHA
!ALL
-ALL
+ALL
!aNULL
!aNULL:ALL
-AES:ALL
+AES:ALL
ALL:!kRSA:+AES128:@STRENGTH
ALL:@STRENGTH
@STRENGTH
ALL:@STRENGTH:+AES256
ALL:@UNKNOWN
ALL:@
@
!
-
+
:
,
;
.
*
nothing
nothing-like-it
NOTHING:AES128-SHA
AES128-SHA:NOTHING
NOTHING:NOTHING
AES128-SHA:!NOTHING
AES128-SHA:-NOTHING
AES128-SHA:+NOTHING
aes128-sha
high
Default
ECDHE+
+ECDHE+
ECDHE++AES
ECDHE+AES+SHA384
ECDHE+AES+SHA384+AESGCM
ECDHE+NOTHING
NOTHING+ECDHE
ECDHE+AESGCM+NOTHING
kRSA+kECDHE
aRSA+aECDSA
AES128+AES256
SHA256+SHA384
TLS_AES_128_GCM_SHA256
TLS_AES_128_GCM_SHA256:AES128-SHA
TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256
TLS_RSA_WITH_AES_128_CBC_SHA
TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
0x13,0x01
ECDHE-RSA-AES128-GCM-SHA256/ECDHE-RSA-AES256-GCM-SHA384
ECDHE-RSA-AES128-GCM-SHA256|AES128-SHA
AES128-SHA#AES256-SHA
"AES128-SHA"
'AES128-SHA'
 AES128-SHA
AES128-SHA=AES256-SHA
AES128_SHA
PSK+AES
PSK-AES128-CBC-SHA
SRP-AES-128-CBC-SHA
SUITEB128:AES128-SHA
SUITEB192:!AES
AES128-SHA:SUITEB128
HIGH:SUITEB128
SECLEVEL=1:ALL
ÄES128-SHA
AES128-SHA:é
"#;

fn strings() -> Vec<String> {
    let mut strings: Vec<String> = STRINGS
        .lines()
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect();
    strings.push(String::new());
    strings.push("A".repeat(5000));
    strings.push("AES128-SHA:".repeat(500));
    strings.push("!".repeat(200) + "ALL");
    strings
}

/// The program's answer, or the last part of its complaint.
fn program(list: &str) -> Result<String, String> {
    let output = Command::new("openssl")
        .args(["ciphers", "-V", "-stdname", list])
        .output()
        .expect("the openssl program is installed");
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout).expect("ASCII"));
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    // `…:error:0A0000B9:SSL routines:SSL_CTX_set_cipher_list:no cipher match:file:line:`
    let last = complaint.lines().last().unwrap_or_default();
    let reason = last.split(':').nth(5).unwrap_or_default();
    Err(reason.to_owned())
}

fn ours(list: &str) -> Result<String, String> {
    let query = Query {
        cipher_list: Some(list.to_owned()),
        ..Query::default()
    };
    match expand(&query) {
        Ok(suites) => Ok(suites
            .iter()
            .map(|suite| suite.line(true, true) + "\n")
            .collect()),
        Err(error) => {
            let cause = error.cause().unwrap_or_default();
            let last = cause.split(", ").last().unwrap_or_default();
            Err(last.split(':').nth(4).unwrap_or_default().to_owned())
        }
    }
}

#[test]
#[cfg_attr(
    feature = "vendored",
    ignore = "the openssl program here is of another release"
)]
fn two_hundred_strings_come_to_what_the_openssl_program_says() {
    let strings = strings();
    assert!(strings.len() >= 200, "{}", strings.len());
    let mut refused = 0;
    for list in &strings {
        // The program takes what begins with a dash for an option.
        if list.starts_with('-') {
            continue;
        }
        let (expected, got) = (program(list), ours(list));
        refused += usize::from(got.is_err());
        assert_eq!(got, expected, "'{list}'");
    }
    assert!(refused > 20, "only {refused} were refused");
}

#[test]
fn a_string_with_a_zero_byte_is_refused() {
    assert!(ours("AES128-SHA\0:ALL").is_err());
}
