// SPDX-License-Identifier: MIT
// Certificates for tests, made on the spot: an authority, and what it signs. Needs OpenSSL 3.
//
//   const certificate_authority ca;
//   const certificate server = ca.issue({.names = {"localhost"}});
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace goro_test {

struct certificate {
  std::string pem;
  std::string key;  // PEM
};

struct certificate_wishes {
  std::vector<std::string> names = {};  // DNS names, or addresses as "IP:127.0.0.1"
  std::string common_name = "test";
  long valid_from = -3600;   // seconds from now
  long valid_for = 86400;    // from then on
  bool for_clients = false;  // extended key usage
};

namespace certificates {

struct freer {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
  void operator()(BIO* p) const { BIO_free(p); }
  void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
};
template <class T>
using owned = std::unique_ptr<T, freer>;

inline void require(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(std::string("certificates: ") + what);
}

inline void extend(X509* to, X509* issuer, int what, const std::string& value) {
  X509V3_CTX about;
  X509V3_set_ctx(&about, issuer, to, nullptr, nullptr, 0);
  const owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &about, what, value.c_str()));
  require(extension != nullptr && X509_add_ext(to, extension.get(), -1) == 1, value.c_str());
}

template <class Write>
std::string pem(Write write) {
  const owned<BIO> out(BIO_new(BIO_s_mem()));
  require(out != nullptr && write(out.get()) == 1, "PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

inline owned<X509> make(EVP_PKEY* key, const certificate_wishes& wishes, long serial) {
  owned<X509> made(X509_new());
  require(made != nullptr, "X509_new");
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wishes.valid_from);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wishes.valid_from + wishes.valid_for);
  X509_set_pubkey(made.get(), key);
  const auto* name = reinterpret_cast<const unsigned char*>(wishes.common_name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8, name, -1, -1, 0);
  return made;
}

}  // namespace certificates

class certificate_authority {
 public:
  explicit certificate_authority(const std::string& name = "test authority") : key_(EVP_EC_gen("P-256")) {
    using namespace certificates;
    require(key_ != nullptr, "key");
    own_ = make(key_.get(), {.common_name = name}, 1);
    X509_set_issuer_name(own_.get(), X509_get_subject_name(own_.get()));
    extend(own_.get(), own_.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(own_.get(), own_.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(own_.get(), own_.get(), NID_subject_key_identifier, "hash");
    require(X509_sign(own_.get(), key_.get(), EVP_sha256()) > 0, "signing");
  }

  // Its own certificate: what others are to trust.
  std::string pem() const {
    return certificates::pem([this](BIO* out) { return PEM_write_bio_X509(out, own_.get()); });
  }

  certificate issue(const certificate_wishes& wishes) const {
    using namespace certificates;
    const owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    require(key != nullptr, "key");
    static long serial = 100;
    const owned<X509> made = make(key.get(), wishes, __atomic_add_fetch(&serial, 1, __ATOMIC_RELAXED));
    X509_set_issuer_name(made.get(), X509_get_subject_name(own_.get()));
    std::string names;
    for (const std::string& name : wishes.names) {
      if (!names.empty()) names += ',';
      names += name.compare(0, 3, "IP:") == 0 ? name : "DNS:" + name;
    }
    if (!names.empty()) extend(made.get(), own_.get(), NID_subject_alt_name, names);
    extend(made.get(), own_.get(), NID_ext_key_usage, wishes.for_clients ? "clientAuth" : "serverAuth");
    extend(made.get(), own_.get(), NID_authority_key_identifier, "keyid");
    require(X509_sign(made.get(), key_.get(), EVP_sha256()) > 0, "signing");
    return {certificates::pem([&](BIO* out) { return PEM_write_bio_X509(out, made.get()); }),
            certificates::pem([&](BIO* out) {
              return PEM_write_bio_PKCS8PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
            })};
  }

 private:
  certificates::owned<EVP_PKEY> key_;
  certificates::owned<X509> own_;
};

// A file with that text, while the object lives.
class text_file {
 public:
  explicit text_file(std::string_view text) {
    const int fd = ::mkstemp(path_.data());
    if (fd < 0 || ::write(fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()))
      throw std::runtime_error("text_file: cannot be written");
    ::close(fd);
  }
  text_file(const text_file&) = delete;
  text_file& operator=(const text_file&) = delete;
  ~text_file() { ::unlink(path_.c_str()); }

  const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/goro_test_XXXXXX";
};

}  // namespace goro_test
