"""Names of WS-Security 1.1, XML Signature, Exclusive C14N and WS-Addressing 1.0."""

from __future__ import annotations

WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
WSA = "http://www.w3.org/2005/08/addressing"
ANONYMOUS = f"{WSA}/anonymous"

SECURITY = f"{{{WSSE}}}Security"
TOKEN = f"{{{WSSE}}}BinarySecurityToken"
TIMESTAMP = f"{{{WSU}}}Timestamp"
SIGNATURE = f"{{{DS}}}Signature"
ID = f"{{{WSU}}}Id"

_PROFILES = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"
BASE64 = f"{_PROFILES}-soap-message-security-1.0#Base64Binary"
X509 = f"{_PROFILES}-x509-token-profile-1.0#X509v3"
DIGEST = f"{_PROFILES}-username-token-profile-1.0#PasswordDigest"

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
"""The one canonicalisation and the one transform that are used and taken; without comments."""
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
ECDSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
