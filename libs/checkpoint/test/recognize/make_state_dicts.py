"""Makes state-dicts/: tiny networks of PyTorch and torchvision, with an input and what they give for it, and the names and
shapes of real ones.

Run with Python 3, PyTorch 1.13 and torchvision 0.14: python3 make_state_dicts.py
"""
import json
import math
import os

import numpy as np
import torch
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet
from torchvision.models.vision_transformer import VisionTransformer

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state-dicts")
torch.manual_seed(1)


def randomize(module):
    """Weights of good size, and no parameter or statistic at its start."""
    with torch.no_grad():
        for name, value in module.state_dict().items():
            if not value.is_floating_point():
                value.fill_(7) if "num_batches" in name else None
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2)
            elif name.endswith("attn.bias") and value.dim() == 4:
                pass
            elif value.dim() < 2:
                value.uniform_(0.5, 1.5) if "weight" in name else value.normal_(0, 0.3)
            else:
                value.normal_(0, 1.2 / math.sqrt(value[0].numel()))
    return module


def channels_last(x):
    return x.permute(0, *range(2, x.dim()), 1).contiguous() if x.dim() > 3 else x


def save(name, module, x, run=None, options=None, state=None, note=None):
    module = randomize(module).eval()
    torch.save(state(module) if state else module.state_dict(), os.path.join(FOLDER, f"{name}.pt"))
    with torch.no_grad():
        y = (run or module)(x)
    return {
        "options": options or {},
        "x": {"shape": list(channels_last(x).shape), "data": channels_last(x).flatten().tolist()},
        "y": {"shape": list(y.shape), "data": [float(f"{v:.9g}") for v in y.flatten().tolist()]},
    }


class Block(nn.Module):
    """As in GPT-2, with the weights of Hugging Face's Conv1D: [in, out]."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = nn.Module(), nn.Module()
        for module, name, shape in [
            (self.attn, "c_attn", (width, 3 * width)),
            (self.attn, "c_proj", (width, width)),
            (self.mlp, "c_fc", (width, 4 * width)),
            (self.mlp, "c_proj", (4 * width, width)),
        ]:
            linear = nn.Module()
            linear.weight, linear.bias = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape[1]))
            setattr(module, name, linear)
        self.attn.register_buffer("bias", torch.tril(torch.ones(1, 1, 5, 5)))
        self.attn.register_buffer("masked_bias", torch.tensor(-1e4))

    def forward(self, x):
        conv1d = lambda layer, t: t @ layer.weight + layer.bias
        n, t, d = x.shape
        q, k, v = conv1d(self.attn.c_attn, self.ln_1(x)).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(self.attn.bias == 0, float("-inf"))
        x = x + conv1d(self.attn.c_proj, (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))
        z = conv1d(self.mlp.c_fc, self.ln_2(x))
        z = 0.5 * z * (1 + torch.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)))
        return x + conv1d(self.mlp.c_proj, z)


class Gpt2(nn.Module):
    def __init__(self, words=11, width=6, tokens=5, heads=2, depth=2):
        super().__init__()
        self.transformer = nn.Module()
        self.transformer.wte, self.transformer.wpe = nn.Embedding(words, width), nn.Embedding(tokens, width)
        self.transformer.h = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.transformer.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.transformer.wte.weight

    def forward(self, x):
        t = self.transformer
        h = t.wte(x.squeeze(-1)) + t.wpe.weight
        for block in t.h:
            h = block(h)
        return self.lm_head(t.ln_f(h))


class Named(nn.Module):
    """Modules by dotted names."""

    def __init__(self, modules):
        super().__init__()
        for path, module in modules.items():
            parent = self
            *outer, last = path.split(".")
            for part in outer:
                if not hasattr(parent, part):
                    parent.add_module(part, nn.Module())
                parent = getattr(parent, part)
            parent.add_module(last, module)

    def __getitem__(self, path):
        return self.get_submodule(path)


def bert(words=13, width=6, tokens=5, hidden=7, depth=2, classes=3):
    layer = {
        "attention.self.query": nn.Linear(width, width),
        "attention.self.key": nn.Linear(width, width),
        "attention.self.value": nn.Linear(width, width),
        "attention.output.dense": nn.Linear(width, width),
        "attention.output.LayerNorm": nn.LayerNorm(width, eps=1e-12),
        "intermediate.dense": nn.Linear(width, hidden),
        "output.dense": nn.Linear(hidden, width),
        "output.LayerNorm": nn.LayerNorm(width, eps=1e-12),
    }
    import copy

    modules = {
        "bert.embeddings.word_embeddings": nn.Embedding(words, width),
        "bert.embeddings.position_embeddings": nn.Embedding(tokens, width),
        "bert.embeddings.token_type_embeddings": nn.Embedding(2, width),
        "bert.embeddings.LayerNorm": nn.LayerNorm(width, eps=1e-12),
    }
    for i in range(depth):
        modules.update({f"bert.encoder.layer.{i}.{k}": copy.deepcopy(v) for k, v in layer.items()})
    modules["bert.pooler.dense"] = nn.Linear(width, width)
    modules["classifier"] = nn.Linear(width, classes)
    m = Named(modules)
    m.bert.embeddings.register_buffer("position_ids", torch.arange(tokens)[None])
    heads = 3

    def run(x):
        at = "bert.embeddings."
        h = m[at + "word_embeddings"](x.squeeze(-1)) + m[at + "position_embeddings"].weight
        h = h + m[at + "token_type_embeddings"](torch.zeros(x.shape[:2], dtype=torch.long))
        h = m[at + "LayerNorm"](h)
        for i in range(depth):
            l = lambda name: m[f"bert.encoder.layer.{i}.{name}"]
            split = lambda t: t.view(*t.shape[:2], heads, -1).transpose(1, 2)
            q, k, v = (split(l(f"attention.self.{n}")(h)) for n in ["query", "key", "value"])
            read = ((q @ k.transpose(-1, -2)) / math.sqrt(width // heads)).softmax(-1) @ v
            h = l("attention.output.LayerNorm")(h + l("attention.output.dense")(read.transpose(1, 2).reshape(h.shape)))
            h = l("output.LayerNorm")(h + l("output.dense")(nn.functional.gelu(l("intermediate.dense")(h))))
        return m["classifier"](torch.tanh(m["bert.pooler.dense"](h[:, 0])))

    return m, run


def resnet(block, layers, widths, groups=1, width_per_group=64):
    """torchvision's, with stages of other widths."""
    net = ResNet(block, [1, 1, 1, 1], num_classes=7)
    net.inplanes, net.groups, net.base_width = widths[0], groups, width_per_group
    net.conv1, net.bn1 = nn.Conv2d(3, widths[0], 7, 2, 3, bias=False), nn.BatchNorm2d(widths[0])
    for i, (count, width) in enumerate(zip(layers, widths)):
        setattr(net, f"layer{i + 1}", net._make_layer(block, width, count, stride=1 if i == 0 else 2))
    for i in range(len(layers), 4):
        delattr(net, f"layer{i + 1}")
        setattr(net, f"layer{i + 1}", nn.Sequential())
    net.fc = nn.Linear(widths[-1] * block.expansion, 7)
    return net


def vgg(norm):
    layers, channels = [], 3
    for width, pool in [(4, True), (5, False), (6, True)]:
        layers += [nn.Conv2d(channels, width, 3, padding=1)] + ([nn.BatchNorm2d(width)] if norm else []) + [nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if pool else []
        channels = width
    net = nn.Sequential()
    net.features = nn.Sequential(*layers)
    net.flatten = nn.Flatten()
    net.classifier = nn.Sequential(
        nn.Linear(6 * 9, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 5)
    )
    return net


class Recurrent(nn.Module):
    def __init__(self, rnn, words=None, last=False, outputs=3):
        super().__init__()
        if words:
            self.embedding = nn.Embedding(words, rnn.input_size)
        self.rnn = rnn
        self.fc = nn.Linear(rnn.hidden_size * (2 if rnn.bidirectional else 1), outputs)
        self.last = last

    def forward(self, x):
        h, _ = self.rnn(self.embedding(x.squeeze(-1)) if hasattr(self, "embedding") else x)
        return self.fc(h[:, -1] if self.last else h)


def encoder(order):
    layer = nn.TransformerEncoderLayer(6, 3, 9, dropout=0, activation="gelu", batch_first=True, norm_first=order == "pre")
    net = nn.Sequential()
    net.embed = nn.Linear(4, 6)
    net.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(6) if order == "pre" else None)
    net.head = nn.Linear(6, 5)
    return net


def words(count, *shape):
    return torch.randint(0, count, (*shape, 1))


def half(module):
    return {k: v.half() if v.is_floating_point() else v for k, v in module.state_dict().items()}


def made():
    mlp = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    yield "mlp", save("mlp", mlp, torch.randn(4, 3), options={"activation": "tanh"})
    nested = lambda m: {"epoch": 3, "model": {f"module.{k}": v for k, v in m.state_dict().items()}, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}}}
    deep = nn.Sequential(*[m for i in range(12) for m in (nn.Linear(3 + i % 2, 3 + (i + 1) % 2), nn.ReLU())][:-1])
    yield "mlp-nested", save("mlp-nested", deep, torch.randn(4, 3), options={"activation": "relu"}, state=nested)
    yield "cnn", save(
        "cnn",
        nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
            nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(6 * 4, 7), nn.ReLU(), nn.Linear(7, 3),
        ),
        torch.randn(2, 2, 4, 4), options={"activation": "relu", "positions": [4, 4]},
    )
    yield "resnet", save("resnet", resnet(BasicBlock, [1, 2], [4, 6]), torch.randn(2, 3, 20, 20), options={"positions": [20, 20]})
    yield "bottleneck", save("bottleneck", resnet(Bottleneck, [2, 1], [3, 5]), torch.randn(1, 3, 20, 20), options={"positions": [20, 20]})
    yield "resnext", save("resnext", resnet(Bottleneck, [1, 1], [4, 6], groups=2, width_per_group=64), torch.randn(1, 3, 20, 20), options={"positions": [20, 20]})
    yield "vgg", save("vgg", vgg(False), torch.randn(2, 3, 12, 12))
    yield "vgg-bn", save("vgg-bn", vgg(True), torch.randn(2, 3, 12, 12))
    vit = VisionTransformer(image_size=6, patch_size=3, num_layers=2, num_heads=2, hidden_dim=6, mlp_dim=7, num_classes=5)
    yield "vit", save("vit", vit, torch.randn(2, 3, 6, 6), options={"heads": 2})
    net, run = bert()
    yield "bert", save("bert", net, words(13, 2, 5), run, options={"heads": 3})
    gpt = Gpt2()
    yield "gpt2", save("gpt2", gpt, words(11, 2, 5), options={"heads": 2})
    yield "encoder-post", save("encoder-post", encoder("post"), torch.randn(2, 5, 4), options={"heads": 3, "activation": "gelu", "positions": [5]})
    yield "encoder-pre", save("encoder-pre", encoder("pre"), torch.randn(2, 5, 4), options={"heads": 3, "activation": "gelu", "positions": [5], "order": "pre"})
    last = {"positions": [4], "pool": "last"}
    yield "lstm", save("lstm", Recurrent(nn.LSTM(3, 5, 2, batch_first=True), last=True), torch.randn(2, 4, 3), options=last)
    yield "lstm-two-way", save("lstm-two-way", Recurrent(nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True), words=7), words(7, 2, 4), options={"positions": [4]})
    yield "gru", save("gru", Recurrent(nn.GRU(3, 5, batch_first=True), words=6, last=True), words(6, 2, 4), options=last)
    yield "rnn", save("rnn", Recurrent(nn.RNN(3, 5, 1, batch_first=True, bias=False)), torch.randn(2, 4, 3), options={"positions": [4]})
    mlp_half = randomize(nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))).half().float()
    torch.save(half(mlp_half), os.path.join(FOLDER, "mlp-half.pt"))


def shapes(net):
    return [[k, list(v.shape)] for k, v in net.state_dict().items()]


if __name__ == "__main__":
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, "expected.json"), "w") as f:
        json.dump(dict(made()), f)
    models = torchvision.models
    real = {
        "resnet18": models.resnet18, "resnet50": models.resnet50, "resnext50_32x4d": models.resnext50_32x4d,
        "vgg11": models.vgg11, "vgg16_bn": models.vgg16_bn, "vit_b_16": models.vit_b_16,
        "mobilenet_v2": models.mobilenet_v2, "densenet121": models.densenet121,
    }
    with open(os.path.join(FOLDER, "real-shapes.json"), "w") as f:
        json.dump({name: shapes(make()) for name, make in real.items()}, f)
