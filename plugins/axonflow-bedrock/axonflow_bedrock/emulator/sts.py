"""GetCallerIdentity of AWS's Security Token Service, which programs call to check their
credentials.

    POST /    Action=GetCallerIdentity    ->    account, user id and ARN, in XML

Source: AWS STS API reference, GetCallerIdentity and "Common errors", November 2026.
"""

from __future__ import annotations

from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from axonflow_core.endpoint.replies import Reply
from axonflow_core.frozen import frozen
from axonflow_core.http.asgi import ReceivedRequest

from ..models.iam import partition_of
from ..wire.endpoint import ServiceException, Verifier
from .control_plane import ACCOUNT

USER_ID = "AIDAAXONFLOWEMULATOR"
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"

_CODES = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "IncompleteSignatureException": "IncompleteSignature",
}
"""Bedrock's error code -> that of STS."""


@frozen
class SecurityTokenService:
    """Answers GetCallerIdentity for requests whose signature `verifier` accepts; any other action
    is refused."""

    verifier: Verifier
    region: str

    async def __call__(self, request: ReceivedRequest) -> Reply:
        self.verifier(request)
        action = parse_qs(request.body.decode("latin-1")).get("Action", [""])[0]
        if request.method != "POST" or action != "GetCallerIdentity":
            raise ServiceException(
                "InvalidAction", "The action or operation requested is invalid.", status=400
            )
        arn = f"arn:{partition_of(self.region)}:iam::{ACCOUNT}:user/emulator"
        identity = f"<Arn>{arn}</Arn><UserId>{USER_ID}</UserId><Account>{ACCOUNT}</Account>"
        return _xml(
            200,
            "<GetCallerIdentityResponse "
            f'xmlns="{_NAMESPACE}"><GetCallerIdentityResult>{identity}</GetCallerIdentityResult>'
            f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
            "</GetCallerIdentityResponse>",
        )


def xml_refusal(fault: ServiceException, request_id: str) -> Reply:
    """An exception as STS's XML, with STS's error code."""
    code, message = _CODES.get(fault.code, fault.code), escape(fault.message)
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    content = f"{error}<RequestId>{request_id}</RequestId>"
    return _xml(fault.status, f'<ErrorResponse xmlns="{_NAMESPACE}">{content}</ErrorResponse>')


def _xml(status: int, text: str) -> Reply:
    return Reply(status, {"content-type": "text/xml"}, text.encode())
