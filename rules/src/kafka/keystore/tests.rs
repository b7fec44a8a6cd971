//! Keystores written by keytool of Java 17 and by openssl 3; the password of stores is `secret1`, of the key in JKS `secret2`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::KeyStore;
use crate::kafka::TlsMaterial;

fn file(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("base64")
}

#[test]
fn keystores_hold_a_key_and_its_certificate() {
    // RULES-517
    for (name, text, key_password) in [
        ("JKS", KEYTOOL_JKS, "secret2"),
        ("PKCS #12", KEYTOOL_PKCS12, "secret1"),
        ("openssl", OPENSSL_PKCS12, "secret1"),
    ] {
        let store = KeyStore::read(&file(text), "secret1", key_password).expect(name);
        let identity = store.identity.expect("a key");
        assert_eq!(identity.chain.len(), 1, "{name}");
        // rustls checks that key and certificate belong together.
        let bytes = file(text);
        let material = TlsMaterial {
            keystore: Some(&bytes),
            keystore_password: "secret1",
            key_password,
            truststore: Some(&bytes),
            truststore_password: "secret1",
        };
        // A truststore's keys may have another password than the store; they are not read for trust.
        if name != "JKS" {
            material.config(&[]).expect(name);
        }
    }
}

#[test]
fn truststores_hold_certificates() {
    for (name, text) in [("JKS", KEYTOOL_TRUST_JKS), ("PKCS #12", KEYTOOL_TRUST_PKCS12)] {
        let store = KeyStore::read(&file(text), "secret1", "secret1").expect(name);
        assert_eq!(store.certificates.len(), 1, "{name}");
        assert!(store.identity.is_none());
    }
}

#[test]
fn other_passwords_and_other_files_are_refused_with_the_reason() {
    for text in [KEYTOOL_JKS, KEYTOOL_PKCS12, OPENSSL_PKCS12, KEYTOOL_TRUST_JKS] {
        let why = KeyStore::read(&file(text), "wrong", "wrong").expect_err("refused");
        assert!(why.contains("another password"), "{why}");
    }
    let why = KeyStore::read(&file(KEYTOOL_JKS), "secret1", "wrong").expect_err("refused");
    assert!(why.contains("private key with another password"), "{why}");
    let why = KeyStore::read(b"-----BEGIN CERTIFICATE-----", "", "").expect_err("refused");
    assert!(why.contains("neither PKCS #12 nor JKS"), "{why}");
    let why = KeyStore::read(&file(OPENSSL_LEGACY_PKCS12), "secret1", "").expect_err("refused");
    assert!(why.contains("outdated"), "{why}");
}

#[test]
fn files_cut_anywhere_are_refused() {
    for text in [KEYTOOL_JKS, KEYTOOL_PKCS12, OPENSSL_PKCS12] {
        let bytes = file(text);
        for end in (0..bytes.len()).step_by(7) {
            let cut = KeyStore::read(&bytes[..end], "secret1", "secret1");
            assert!(cut.is_err(), "cut at {end}");
        }
    }
}

const KEYTOOL_JKS: &str = concat!(
    "/u3+7QAAAAIAAAABAAAAAQABawAAAaH+LfsLAAAAfzB9MA4GCisGAQQBKgIRAQEFAARr/J5hpCP/sMMTJ2+7x/VjQnTa1b40VmVx",
    "QhNg+ykuWg4FwmGftqDhw5xuntUhuRRmrpTUOCAkjbfCO+xRFlRz0F7/haTtdMjvmQ7BWeWiGcoXWws8PGZVJuoSEhAIXBML8tWF",
    "ors6f7K+aqYAAAABAAVYLjUwOQAAAT0wggE5MIHhoAMCAQICCBxsPIHcKjfPMAoGCCqGSM49BAMCMBExDzANBgNVBAMTBmNsaWVu",
    "dDAgFw0yNjExMjExMjU2MjhaGA8yMDgxMDgyNDEyNTYyOFowETEPMA0GA1UEAxMGY2xpZW50MFkwEwYHKoZIzj0CAQYIKoZIzj0D",
    "AQcDQgAEAysuVKHw5ri2rvga4VM1fMamX+QlDiunyeD0gmGqr8EKwu5zHF6GY7/c1XFOTeYxKBygtFYFsVM5istlr6e3waMhMB8w",
    "HQYDVR0OBBYEFPLIw0m41qfg5KERcTD0v/cT32V7MAoGCCqGSM49BAMCA0cAMEQCIGFmxEuCc3gnC3HpPVWQ3u0LBcd/GRW5KH8C",
    "l1/JZgxLAiB+jJT22z5VQaX76wiqQgrHiPIa/IhHa1YyfrHCHLtnHyJDpY9zsE7uFi3au/Kbv6ed8yJ/",
);
const KEYTOOL_PKCS12: &str = concat!(
    "MIID1gIBAzCCA4AGCSqGSIb3DQEHAaCCA3EEggNtMIIDaTCCASAGCSqGSIb3DQEHAaCCAREEggENMIIBCTCCAQUGCyqGSIb3DQEM",
    "CgECoIG9MIG6MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBTy1NLnQ8hDo4V4d329kD7l+c7BgQICJxACASAwDAYIKoZI",
    "hvcNAgkFADAdBglghkgBZQMEASoEEEvJqaJ/WeDCIjHh0og0J1wEUIgaa0DcPjLjbRzyswwq4svVnB0DqGYDMVRzzwr1X0s6f+lv",
    "JrrfF8TW2ZzfTQ7BcPz7E7Us1NZYkBhVzO8YmWCQmFiwq7d38QJUw60kKas4MTYwEQYJKoZIhvcNAQkUMQQeAgBrMCEGCSqGSIb3",
    "DQEJFTEUBBJUaW1lIDE3OTUyNjU3ODkwOTMwggJBBgkqhkiG9w0BBwagggIyMIICLgIBADCCAicGCSqGSIb3DQEHATBmBgkqhkiG",
    "9w0BBQ0wWTA4BgkqhkiG9w0BBQwwKwQUCKMpCMLkiCQnQ/c38QeP834sWDkCAicQAgEgMAwGCCqGSIb3DQIJBQAwHQYJYIZIAWUD",
    "BAEqBBD36fyPS7/h1sJhRgLuITYFgIIBsNcvxHUX3uME/M2pNdeAoTgo2eJS7G6HPaUDC++r3U68iOG58ZY0sA5S9XCSiaRnpzFv",
    "h4q9iOjNHZzdUXUwwej83pDklSIo6jpbqrM/bTrjqi9F/gBtPu/8gG6s8bKhEA7G9Qlu9UCSsws/2awrsznujKpKBoivD3ti4U/C",
    "Q9MgmYDFcTMVjxORfahFlqAlwjg5YAZ14h3f+sujW12AsRCQNcG1axznLwNedcvWFsrIuqzdOjmBnuHB95NQPMLFlBc36BWehFej",
    "oC7A/cOsw36w6V3wEssnti4bf2LSpqvStUz4UvadJk2Px4NGO+KiHgV1r2Q94GkhxfRYdcuHIOI6oIySe1qEqJzmmJxWDuoL1N07",
    "5pqyr2APtOHbafQZDqKsFSo+0YXdtrmL1Cy0k2L9cLCZQ6MI8TCft99Fo9DVmveqZLoXPYEpxRzfb4pWhJ8xVAsynxm5nWglY6Bl",
    "mainPbc3uQWz9hlxcplzIGe5nvJoIkQYRS0OuivI3v6SjYqwzyNyEW4UrQFvk+OC7P6nBl/76JM+ieM8IKuSoL1OtELdcS0p1i3U",
    "AENfdpd0ZzBNMDEwDQYJYIZIAWUDBAIBBQAEICVMtpBJZ0MBEd7MtLMv6/oocnJXtJSrvmiKQvDo9tHRBBTwtqprIsujrJ8jHgqj",
    "yG+fYQSV7AICJxA=",
);
const OPENSSL_PKCS12: &str = concat!(
    "MIIEDAIBAzCCA8IGCSqGSIb3DQEHAaCCA7MEggOvMIIDqzCCAmIGCSqGSIb3DQEHBqCCAlMwggJPAgEAMIICSAYJKoZIhvcNAQcB",
    "MFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjtKE1+VIrAkAICCAAwDAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBdR",
    "mvrduvVKlU9uYMc48iaAggHgd5Pyj3xB6ZN3fa/Rle+MEhgdSodci1yYJpz6rsXxuCKBNzacEXnSNNAA0kL/tnxYWCBnFRr5JWQb",
    "UY/7RVJMYB7xMzTIvipWIqH0WTTu2bnkPjytYq64CZ5bY1mIhVaDOzT4+BR6GLMkSCrfpS3Ob67yGoYAr5gDAqnj/XxDVQXc1+fk",
    "i/XTa0Iorp5N3n+C/jfYpCSzbiMiXaBPyd2d6CKnQMggjsVwYZaST46by+bOq+QM6uLEEpRQww93lph4voNjnDHOsBkFqv/nr6hc",
    "RW9FsbPxnKRR0+EbcQaSfFuXu+erIX+LFo/KErMLol+ED4IG5ouqD+EbE7o0M9xn/pRlnLHWpriSJUW/UAgjqTf0h3Ux++R84TID",
    "bU+OYouQXn4o5a+ZuA+WKS/zRcgqL5YE2oWMiF7hFXbcXgKc06Wa0iTaO/V7xuBSkj+hQQ2pBjQAySWeaNDFhLIHjBuhC7iHHZTU",
    "0vDSUEAVx2DH2UZ/SyOEoWNL/DHxjA9HPmZoylBm1D9arJkzQq8gMML/xigkIMbhR2Jn/JN63tw5fm9wr5//rp71LRRaWiWYrpJj",
    "tUrQbSo+00x303Q9f+bQhKwesBPJVaTjmGeF1EeAIn3ADAxGE+3kZ5mAy2KVpjrMMIIBQQYJKoZIhvcNAQcBoIIBMgSCAS4wggEq",
    "MIIBJgYLKoZIhvcNAQwKAQKgge8wgewwVwYJKoZIhvcNAQUNMEowKQYJKoZIhvcNAQUMMBwECFUXUE8/EmIoAgIIADAMBggqhkiG",
    "9w0CCQUAMB0GCWCGSAFlAwQBKgQQWtjrjfoInKO+xzejilR4SgSBkBDvtc9KHoTJ0HeZ5Ij4UOKfHV3HPnMdtRT+Drd62yB36uKN",
    "Zd/uLZ1LCm8rgYY2Lzu1q0N7Np39blNNB4qJUAajvpKZQzw7V+6+m/lEIDmWazp7qUYqDQSuTFIld4YSkx6j0buyPhAYeN2wbzLY",
    "/LDyVR3zvPJ2It/V1S1sy9rHAbLFVy36VHcz+xG7m/+azjElMCMGCSqGSIb3DQEJFTEWBBSChrHIoVFd1NczU+QB/cMs8OCqHjBB",
    "MDEwDQYJYIZIAWUDBAIBBQAEIOJ7UYBnty8+JrbhaJgKGBlvM81x/ZDFaSE971xkvM/3BAhKXRsf6TLZywICCAA=",
);
const OPENSSL_LEGACY_PKCS12: &str = concat!(
    "MIIDegIBAzCCA0AGCSqGSIb3DQEHAaCCAzEEggMtMIIDKTCCAh8GCSqGSIb3DQEHBqCCAhAwggIMAgEAMIICBQYJKoZIhvcNAQcB",
    "MBwGCiqGSIb3DQEMAQYwDgQIi2ZxvvNF1DQCAggAgIIB2HdyxQdNSvhB8Kxio35sl/nsPUotYGX9DVwfuOeumdH/RS/gXFrcMtgM",
    "++CKhHy1euXjBBfSZnQcTIqIUhFDH2WSYDUMtsNmU+mlUD0MwG/YjC3GJXJsAA2ElYfvA94fwbR29yWnK8CtFpm5fDh5lp8w8cI7",
    "w+4vZ2VybgVnYSzzP26maD8c7/K1cp+r228C4sJGOuYyh4/x94YGrgR8IXT+i/8fhdIe6IhuxhhMamfmxzNg8rO6ZtluIQ+jqTx6",
    "a2qZKiYWmgr+l20oYBKh2Ee3s6E4Jid4Z/NxJnepT8Sgv22F7Aid7Y1tO/tN+06LRcEMze3bGay8MHZX5HyRLJ6Yfc4Ql2zGjsze",
    "vnMEkLT452MqswXY9of803Eav3JJjxYDLeicjWbWpsgcuClFOpzBF8jPllmhQSem/d9q9KiPHxFGJfG6s288cCQsxayhcSatYRA7",
    "YdDXwbuGskhp0ymRzA2v1+uktZZrRjOJpmNdt7zm4AtE3z7Ow/oAXGpqVdcDVjOfqMpVtp4qrrCfXv6C32AWgzliFu+pOaZLM5C6",
    "4X64bYKd0S2mEc5XlxR73Ltg4QYOscdLXsbYhZ4cBDh+lckThmvRSECxGyzlxl95PFAwMyAa1kEwggECBgkqhkiG9w0BBwGggfQE",
    "gfEwge4wgesGCyqGSIb3DQEMCgECoIG0MIGxMBwGCiqGSIb3DQEMAQMwDgQInkdM6bX/wVcCAggABIGQZaHkkUt+x/XhfIqrMsa1",
    "3VN2NTPZ/L3Jq8WLjMv6dWlKrrKNHnz7X6/gXUH8DEE4EhaHq0WTbUAkUwnIkLL4pyj/ZuoEpV2OT6U9Du6ocsk7+zmKk9b/jNEG",
    "AMX1N6KmIVKP8uVZG6HdpC5DQMBDAFiWOMqUbHeDJ7UKIoCisYiCsR65H2no9GOLXC4Ib6zyMSUwIwYJKoZIhvcNAQkVMRYEFIKG",
    "scihUV3U1zNT5AH9wyzw4KoeMDEwITAJBgUrDgMCGgUABBTPF7EHWm0n+5wmNKYuYlO0NM2r8wQIshT264wC+3YCAggA",
);
const KEYTOOL_TRUST_JKS: &str = concat!(
    "/u3+7QAAAAIAAAABAAAAAgABdAAAAaH+LgK0AAVYLjUwOQAAAT8wggE7MIHioAMCAQICCQCOOgflz51EKjAKBggqhkjOPQQDAjAR",
    "MQ8wDQYDVQQDEwZjbGllbnQwIBcNMjYxMTIxMTI1NjI5WhgPMjA4MTA4MjQxMjU2MjlaMBExDzANBgNVBAMTBmNsaWVudDBZMBMG",
    "ByqGSM49AgEGCCqGSM49AwEHA0IABKoO/uGR1Ik5ZhvM7P/HmkVxSZFYW1drXgW/yHw4Bzao1wB2C6bnLa0EKc6Ye1EYf28eQsHI",
    "M6wwJGS3muPiF9OjITAfMB0GA1UdDgQWBBQ1nX0vDtrDI37CxNbzdMU5X2jIFjAKBggqhkjOPQQDAgNIADBFAiEA98rR6od6OAlB",
    "tawtONtsmzFceNM4lpeCVG4A8nlTMjQCIF120QcsxrfbnbZtTDF5sKPmNmH1kbVJh5d09mx23M9+GknQlOukhBVZF38kr6JTgN0g",
    "DGU=",
);
const KEYTOOL_TRUST_PKCS12: &str = concat!(
    "MIICogIBAzCCAkwGCSqGSIb3DQEHAaCCAj0EggI5MIICNTCCAjEGCSqGSIb3DQEHBqCCAiIwggIeAgEAMIICFwYJKoZIhvcNAQcB",
    "MGYGCSqGSIb3DQEFDTBZMDgGCSqGSIb3DQEFDDArBBQxUuU6cwC585Rc9I+ug78r2F7M5QICJxACASAwDAYIKoZIhvcNAgkFADAd",
    "BglghkgBZQMEASoEELsBJpItjTQ4XdPzxoGa5W6AggGgFd+1EC4wNBnQYsqS1HpxZoY3l80hs+TyWrp3W7ECj2oFBlTVt7y/sBUN",
    "Jldz2SJFateC3HbDuJ9qpYQuRp4onlyOMaris4mBl2o1zBCr/TLkPAbBVPZYGt0Jsu9wMXlwpLTctzaC62sXBwjYDpJQTVQ+zmj9",
    "quzeKCw1+dJKxXQn+QN0G1ZRwq2TPWAmt1TQxmfw156oKudyfK0hICxNlTrP4ACa5ezlx3U1Yv82rR4yr+GOlfehwYCrv/LIsOJO",
    "ai9ezwh5I4zlh50y7KvZZHX3CI0/wbBea1/yqhEu6yuERQii82S6saAzzzA2odmwPoCW44YkRCYxkaKSJI6OoS7M4Zp+5o6Jn/gc",
    "Bx64QncCzQR9yJZfMnRzOuBzPjCMI7Y6omcxOVDcoAHemMLyjsvlbM8LfcAe/MxN+Z1cqP6uca055Nuan8el/sPePSdUTAChekc0",
    "hOM8tNCh3ka7ee3j0PAjZ3Zz1Fk0fGLqAoP5fdVCjaOAzs/vO19V9qb3AgWyy4X/S69VCtHAmoDUujKh16SkjkRJGu/V6Et8q9Ew",
    "TTAxMA0GCWCGSAFlAwQCAQUABCDgHX8FSCTAR3NyHKAV7fIkjvhTc2sKCK1Yjnmkm5+2LAQUxCWpaGyjokGQIj8TYmvE0aYpYNAC",
    "AicQ",
);
