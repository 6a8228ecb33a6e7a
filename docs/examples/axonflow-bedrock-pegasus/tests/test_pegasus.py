from axonflow_core.testing import codec_test

from axonflow_bedrock_pegasus import CODEC

test_pegasus = codec_test(CODEC, __file__)
