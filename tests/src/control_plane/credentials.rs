//! The certificates of one control plane: of its API server, and of whoever calls it.

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};

/// A private certificate authority.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, in PEM.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let name = &mut parameters.distinguished_name;
        name.push(DnType::CommonName, "drillgate tests");
        let key = KeyPair::generate().expect("make a key");
        let certificate = parameters.self_signed(&key).expect("sign a certificate");
        let issuer = Issuer::new(parameters, key);
        Self {
            certificate,
            issuer,
        }
    }

    /// Its own certificate, in PEM.
    pub(super) fn certificate(&self) -> String {
        self.certificate.pem()
    }

    /// For a server on 127.0.0.1.
    pub(super) fn server(&self) -> Pair {
        let address = vec!["127.0.0.1".to_owned()];
        let parameters = CertificateParams::new(address).expect("an address");
        self.sign(parameters, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// For a user: the API server takes the common name for the user's and the organisation for a
    /// group's. So there can be any user at any time, without a file that it reads only at its
    /// start.
    pub(super) fn user(&self, name: &str, group: Option<&str>) -> Pair {
        let mut parameters = CertificateParams::default();
        let subject = &mut parameters.distinguished_name;
        subject.push(DnType::CommonName, name);
        if let Some(group) = group {
            subject.push(DnType::OrganizationName, group);
        }
        self.sign(parameters, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut parameters: CertificateParams, usage: ExtendedKeyUsagePurpose) -> Pair {
        parameters.extended_key_usages = vec![usage];
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate().expect("make a key");
        let certificate = parameters
            .signed_by(&key, &self.issuer)
            .expect("sign a certificate");
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

/// A key to sign the tokens of service accounts with, and its public half, in PEM.
pub(super) fn signing_key() -> (String, String) {
    let key = KeyPair::generate().expect("make a key");
    (key.serialize_pem(), key.public_key_pem())
}
