// The public names of @waldb/certs, one by one.

export {
  type Authority,
  type CertificateFiles,
  type CertificateRequest,
  createAuthority,
  issueCertificate,
  type Validity,
} from './authority.js';
