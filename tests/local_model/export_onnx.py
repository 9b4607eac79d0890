"""Writes a model's ONNX form, in floats and in int8. In a process of its own: the exporter warns and leaves files.

python -m tests.local_model.export_onnx MODEL FOLDER
"""

import sys

from sentence_transformers import SentenceTransformer, export_dynamic_quantized_onnx_model

if __name__ == "__main__":
    model, folder = sys.argv[1:]
    exported = SentenceTransformer(model, device="cpu", backend="onnx")
    exported.save_pretrained(folder)
    export_dynamic_quantized_onnx_model(exported, "avx2", folder)
