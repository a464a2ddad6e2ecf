"""Makes expected.json: what Pillow and the image processors of `transformers` make of small pictures.

    pip install pillow==11.3.0 transformers==5.23.0
    python test/golden/pictures/make.py

Pillow 13 resizes some pictures top to bottom first, and so rounds otherwise; what networks were trained with did not.

The bytes of the pictures are made from their names, like weights (common.py).
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from common import made_up  # noqa: E402
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil  # noqa: E402
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil  # noqa: E402
from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil  # noqa: E402
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil  # noqa: E402

FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def picture(height, width, channels=3):
    numbers = made_up(f"{height}x{width}x{channels}", (height, width, channels), 0, 0.5, 0.5)
    return np.minimum(255, np.floor(numbers * 256)).astype(np.uint8)


RESIZED = [((9, 7), (4, 5)), ((5, 6), (11, 9)), ((12, 5), (3, 5)), ((6, 6), (6, 2))]

PROCESSORS = [
    (ViTImageProcessorPil(size={"height": 5, "width": 4}), (9, 7, 3)),
    # laid on white where it is transparent; black is put beside what is too narrow
    (CLIPImageProcessorPil(size={"shortest_edge": 5}, crop_size={"height": 4, "width": 7}), (9, 7, 4)),
    (CLIPImageProcessorPil(size={"shortest_edge": 6}, crop_size={"height": 5, "width": 5}, resample=2), (8, 13, 3)),
    (BitImageProcessorPil(do_resize=False, crop_size={"height": 3, "width": 4}, do_normalize=False), (6, 7, 3)),
    (ConvNextImageProcessorPil(size={"shortest_edge": 7}), (10, 13, 3)),
]


def main():
    resized = []
    for before, (height, width) in RESIZED:
        for name, code in FILTERS.items():
            out = Image.fromarray(picture(*before)).resize((width, height), code)
            resized.append({"from": before, "to": [height, width], "filter": name, "bytes": np.asarray(out).flatten().tolist()})
    processed = []
    for processor, shape in PROCESSORS:
        pixels = processor(picture(*shape), return_tensors="np", do_convert_rgb=True, input_data_format="channels_last")["pixel_values"]
        config = json.loads(processor.to_json_string())
        processed.append({"picture": shape, "config": config, "shape": pixels.shape,
                          "pixels": [round(float(x), 5) for x in pixels.flatten()]})
    text = json.dumps({"resized": resized, "processed": processed}, separators=(",", ":"))
    (HERE / "expected.json").write_text(text.replace('{"from"', '\n{"from"').replace('{"picture"', '\n{"picture"') + "\n")


if __name__ == "__main__":
    main()
