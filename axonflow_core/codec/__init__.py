"""Codecs: pure functions between the neutral model and one native JSON, in both directions.

record            the codec itself: functions, and the guards around them
family            a codec with claims of models
errors            errors of one native form, in both roles
features          what a request may ask of a family, and what a request does ask
facts             what a codec must know about a model
unary             codecs of one request and one answer: embeddings, rankings, token counts
registry          which codec serves a model
native_names      two-way tables of words
name_rules        how names of tools, calls and documents may be spelled
control_tokens    what would forge a turn
json_members      native objects, taken apart and put together
"""

from .errors import ErrorCodec as ErrorCodec
from .errors import NativeError as NativeError
from .facts import ModelFacts as ModelFacts
from .facts import ReasoningControls as ReasoningControls
from .family import FamilyCodec as FamilyCodec
from .features import Feature as Feature
from .features import blocks_of as blocks_of
from .features import features_of as features_of
from .native_names import NativeNames as NativeNames
from .record import ChunkDecoder as ChunkDecoder
from .record import ChunkEncoder as ChunkEncoder
from .record import Codec as Codec
from .record import StreamContext as StreamContext
from .record import StreamDecoder as StreamDecoder
from .record import StreamEncoder as StreamEncoder
from .record import call_id as call_id
