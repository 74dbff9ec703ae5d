#!/usr/bin/python3
"""Writes the ONNX fixtures of the recognition tests: tiny random networks whose sizes all differ.

    /usr/bin/python3 export-onnx.py [FOLDER]        needs PyTorch 1.13 (Debian: python3-torch, python3-torchvision)

Norms get random scales, shifts and statistics, since ones and zeros would hide a wrong order.
"""
import math
import sys
import warnings
from pathlib import Path

import torch
from torch import nn
import torch.nn.functional as F

warnings.filterwarnings("ignore")
FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "fixtures")


def randomize(model):
    for module in model.modules():
        for name, tensor in list(module.named_parameters(recurse=False)) + list(module.named_buffers(recurse=False)):
            if "norm" in type(module).__name__.lower() and tensor.is_floating_point():
                with torch.no_grad():
                    tensor.copy_(torch.rand_like(tensor) + 0.5)


def export(name, model, *inputs, dynamic=None, opset=13, folding=True, training=False, gain=1.0):
    torch.manual_seed(len(name) + sum(map(ord, name)))
    for p in model.parameters():
        if p.dim() == 1:
            nn.init.normal_(p, std=gain / 2)
        else:
            nn.init.normal_(p, std=gain / math.sqrt(p[0].numel()))
    randomize(model)
    model.eval()
    mode = torch.onnx.TrainingMode.PRESERVE if training else torch.onnx.TrainingMode.EVAL
    torch.onnx.export(
        model,
        inputs,
        str(FOLDER / f"{name}.onnx"),
        opset_version=opset,
        do_constant_folding=folding,
        training=mode,
        input_names=[f"x{i}" if i else "x" for i in range(len(inputs))],
        output_names=["y"],
        dynamic_axes=dynamic,
    )


def mlp():
    return nn.Sequential(nn.Linear(3, 7), nn.ReLU(), nn.Linear(7, 5), nn.Tanh(), nn.Linear(5, 2))


class Siren(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(2, 6), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x):
        return self.c(torch.sin(30 * self.b(torch.sin(30 * self.a(x)))))


class ResidualMlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.up, self.down, self.head = nn.Linear(3, 6), nn.Linear(6, 9), nn.Linear(9, 6), nn.Linear(6, 2)

    def forward(self, x):
        h = self.stem(x)
        return self.head(h + self.down(F.gelu(self.up(h))))


class Cnn(nn.Module):
    """Batch norms that stay (exported in training mode's graph), pooling, and channels flattened with their places."""

    def __init__(self):
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(2, 5, 3, padding=1), nn.BatchNorm2d(5)
        self.c2, self.n2 = nn.Conv2d(5, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.f1, self.f2 = nn.Linear(4 * 3 * 2, 7), nn.Linear(7, 3)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.n1(self.c1(x))), 2)
        x = F.relu(self.n2(self.c2(x)))
        return self.f2(F.relu(self.f1(torch.flatten(x, 1))))


class Block(nn.Module):
    def __init__(self, inner, outer, stride):
        super().__init__()
        self.c1, self.n1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.c2, self.n2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.skip = None
        if stride != 1 or inner != outer:
            self.skip = nn.Sequential(nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer))

    def forward(self, x):
        y = self.n2(self.c2(F.relu(self.n1(self.c1(x)))))
        return F.relu(y + (x if self.skip is None else self.skip(x)))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4)
        self.blocks = nn.Sequential(Block(4, 4, 1), Block(4, 6, 2), Block(6, 6, 1), Block(6, 7, 2))
        self.fc = nn.Linear(7, 5)

    def forward(self, x):
        x = self.blocks(F.relu(self.norm(self.stem(x))))
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))


def vgg():
    return nn.Sequential(
        *[nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(5 * 6, 8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 3)],
    )


class SqueezeExcite(nn.Module):
    def __init__(self, c, r):
        super().__init__()
        self.down, self.up = nn.Conv2d(c, r, 1), nn.Conv2d(r, c, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    def __init__(self, inner, expanded, outer, act, squeeze):
        super().__init__()
        parts = [nn.Conv2d(inner, expanded, 1, bias=False), nn.BatchNorm2d(expanded), act()]
        parts += [nn.Conv2d(expanded, expanded, 3, padding=1, groups=expanded, bias=False), nn.BatchNorm2d(expanded), act()]
        parts += [SqueezeExcite(expanded, squeeze)] if squeeze else []
        parts += [nn.Conv2d(expanded, outer, 1, bias=False), nn.BatchNorm2d(outer)]
        self.body, self.residual = nn.Sequential(*parts), inner == outer

    def forward(self, x):
        return x + self.body(x) if self.residual else self.body(x)


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4), nn.Hardswish())
        self.a = Inverted(4, 7, 4, nn.ReLU6, 0)
        self.b = Inverted(4, 9, 6, nn.Hardswish, 5)
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.b(self.a(self.stem(x))).mean((2, 3)))


class Grouped(nn.Module):
    """Groups, a depthwise convolution with a multiplier, and a transposed one."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(2, 6, 3, padding=1)
        self.c2 = nn.Conv2d(6, 12, 3, padding=1, groups=3)
        self.c3 = nn.Conv2d(12, 24, 3, padding=1, groups=12)
        self.c4 = nn.ConvTranspose2d(24, 5, 2, 2)
        self.c5 = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        return self.c5(F.silu(self.c4(F.silu(self.c3(F.silu(self.c2(F.silu(self.c1(x)))))))))


class Transformer(nn.Module):
    def __init__(self, norm_first, activation="gelu"):
        super().__init__()
        self.stem = nn.Linear(3, 6)
        self.layer = nn.TransformerEncoderLayer(6, 2, 10, norm_first=norm_first, batch_first=False, activation=activation)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.layer(self.stem(x)))


class Attention(nn.Module):
    """qkv in one matrix, reshaped to [3, heads, each] and unbound."""

    def __init__(self, d, h):
        super().__init__()
        self.qkv, self.proj, self.h = nn.Linear(d, 3 * d), nn.Linear(d, d), h

    def forward(self, x):
        b, n, d = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q @ k.transpose(-2, -1) / math.sqrt(d // self.h)).softmax(-1)
        return self.proj((a @ v).transpose(1, 2).reshape(b, n, d))


class Vit(nn.Module):
    def __init__(self, d=6, h=3):
        super().__init__()
        self.patch = nn.Conv2d(3, d, 4, 4)
        self.cls, self.pos = nn.Parameter(torch.zeros(1, 1, d)), nn.Parameter(torch.zeros(1, 5, d))
        self.n1, self.attn, self.n2 = nn.LayerNorm(d), Attention(d, h), nn.LayerNorm(d)
        self.f1, self.f2, self.norm, self.head = nn.Linear(d, 11), nn.Linear(11, d), nn.LayerNorm(d), nn.Linear(d, 4)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        x = x + self.attn(self.n1(x))
        x = x + self.f2(F.gelu(self.f1(self.n2(x))))
        return self.head(self.norm(x)[:, 0])


class GroupedQuery(nn.Module):
    """Six query heads read two key and value heads; RMS norm; gated activation; an embedding table."""

    def __init__(self, d=8, heads=6, shared=2, each=3):
        super().__init__()
        self.table = nn.Embedding(13, d)
        self.q, self.k = nn.Linear(d, heads * each, False), nn.Linear(d, shared * each, False)
        self.v, self.o = nn.Linear(d, shared * each, False), nn.Linear(heads * each, d, False)
        self.scale = nn.Parameter(torch.ones(d))
        self.gate, self.up, self.down = nn.Linear(d, 9, False), nn.Linear(d, 9, False), nn.Linear(9, d, False)
        self.out = nn.Linear(d, 5)
        self.sizes = heads, shared, each

    def norm(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.scale

    def forward(self, ids):
        x = self.table(ids)
        heads, shared, each = self.sizes
        b, n, _ = x.shape
        y = self.norm(x)
        q = self.q(y).view(b, n, heads, each).transpose(1, 2)
        repeat = lambda t: t[:, :, None].expand(b, shared, heads // shared, n, each).reshape(b, heads, n, each)
        k = repeat(self.k(y).view(b, n, shared, each).transpose(1, 2))
        v = repeat(self.v(y).view(b, n, shared, each).transpose(1, 2))
        a = (q @ k.transpose(2, 3) / math.sqrt(each)).softmax(-1)
        x = x + self.o((a @ v).transpose(1, 2).reshape(b, n, heads * each))
        y = self.norm(x)
        return self.out(x + self.down(F.silu(self.gate(y)) * self.up(y)))


class Recurrent(nn.Module):
    def __init__(self, kind, bidirectional, layers=2, last=False):
        super().__init__()
        self.rnn = kind(3, 4, layers, bidirectional=bidirectional)
        self.fc, self.last = nn.Linear(8 if bidirectional else 4, 2), last

    def forward(self, x):
        y, state = self.rnn(x)
        if not self.last:
            return self.fc(y)
        h = state[0] if isinstance(state, tuple) else state
        return self.fc(torch.cat([h[-2], h[-1]], 1))


class Ocr(nn.Module):
    """Columns of a picture are steps of a two-way LSTM; additive attention over the steps."""

    def __init__(self):
        super().__init__()
        self.c1, self.n1, self.c2 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.Conv2d(4, 5, 3, padding=1)
        self.rnn = nn.LSTM(5 * 2, 3, bidirectional=True, batch_first=True)
        self.key, self.score, self.fc = nn.Linear(6, 7), nn.Linear(7, 1), nn.Linear(6, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.n1(self.c1(x))), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        b, c, h, w = x.shape
        y, _ = self.rnn(x.permute(0, 3, 1, 2).reshape(b, w, c * h))
        a = torch.softmax(self.score(torch.tanh(self.key(y))), 1)
        return self.fc((a * y).sum(1))


class WaveNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(2, 5, 1)
        self.dilated = nn.ModuleList(nn.Conv1d(5, 8, 3, padding=d, dilation=d) for d in (1, 2))
        self.residual = nn.ModuleList(nn.Conv1d(4, 5, 1) for _ in range(2))
        self.skip = nn.ModuleList(nn.Conv1d(4, 6, 1) for _ in range(2))
        self.glu, self.out = nn.Conv1d(6, 14, 1), nn.Conv1d(7, 3, 1)

    def forward(self, x):
        x, total = self.stem(x), 0
        for dilated, residual, skip in zip(self.dilated, self.residual, self.skip):
            a, b = dilated(x).chunk(2, 1)
            z = torch.tanh(a) * torch.sigmoid(b)
            x, total = x + residual(z), total + skip(z)
        return self.out(F.glu(self.glu(F.relu(total)), 1))


class DenseNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(4 + 3 * i) for i in range(3))
        self.convs = nn.ModuleList(nn.Conv2d(4 + 3 * i, 3, 3, padding=1) for i in range(2))
        self.fc = nn.Linear(10, 2)

    def forward(self, x):
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs):
            x = torch.cat([x, conv(F.relu(norm(x)))], 1)
        return self.fc(F.relu(self.norms[2](x)).mean((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.Conv2d(4, 6, 3, padding=1)
        self.up, self.c = nn.ConvTranspose2d(6, 5, 2, 2), nn.Conv2d(9, 7, 3, padding=1)
        self.slope, self.shuffle, self.out = nn.PReLU(7), nn.Conv2d(7, 12, 1), nn.Conv2d(3, 1, 1)

    def forward(self, x):
        a = F.leaky_relu(self.norm(self.a(x)))
        b = F.leaky_relu(self.b(F.avg_pool2d(a, 2)))
        c = self.slope(self.c(torch.cat([a, self.up(b)], 1)))
        return self.out(F.interpolate(F.pixel_shuffle(self.shuffle(c), 2), scale_factor=0.5))


class Branches(nn.Module):
    """Which of two hidden layers is used depends on the input: an `If` whose branches must share their order."""

    def __init__(self):
        super().__init__()
        self.stem, self.a, self.b, self.out = nn.Linear(3, 5), nn.Linear(5, 4), nn.Linear(5, 4), nn.Linear(4, 2)

    def forward(self, x):
        h = torch.relu(self.stem(x))
        if bool(h.sum() > 3.0):
            z = torch.relu(self.a(h))
        else:
            z = torch.sigmoid(self.b(h))
        return self.out(z)


class Tied(nn.Module):
    """One table embeds and, transposed, scores; positions are computed by sines."""

    def __init__(self):
        super().__init__()
        self.table, self.mix = nn.Embedding(11, 6), nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)

    def forward(self, ids):
        x = self.table(ids)
        return self.norm(x + torch.relu(self.mix(x))) @ self.table.weight.T


class ShuffleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1, self.c2, self.c3 = nn.Conv2d(2, 6, 1), nn.Conv2d(6, 6, 1, groups=2), nn.Conv2d(6, 4, 1)

    def forward(self, x):
        x = self.c2(torch.relu(self.c1(x)))
        b, c, h, w = x.shape
        x = x.view(b, 2, c // 2, h, w).transpose(1, 2).reshape(b, c, h, w)
        return self.c3(torch.relu(x))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    image = torch.randn(2, 3, 8, 12)
    batch = {"x": {0: "batch"}}
    export("mlp", mlp(), torch.randn(4, 3), dynamic=batch)
    export("siren", Siren(), torch.randn(4, 2), gain=1 / 15)
    export("residual-mlp", ResidualMlp(), torch.randn(4, 3))
    export("cnn-bn", Cnn(), torch.randn(2, 2, 6, 4), training=True)
    export("resnet", ResNet(), image, dynamic={"x": {0: "n", 2: "h", 3: "w"}})
    export("vgg", vgg(), image)
    export("mobilenet", MobileNet(), image, opset=14)
    export("grouped", Grouped(), torch.randn(1, 2, 4, 5))
    export("transformer-post", Transformer(False), torch.randn(5, 2, 3))
    export("transformer-pre", Transformer(True, "relu"), torch.randn(5, 2, 3), dynamic={"x": {0: "t", 1: "b"}})
    export("vit", Vit(), torch.randn(2, 3, 8, 8), dynamic=batch)
    export("grouped-query", GroupedQuery(), torch.randint(0, 13, (2, 5)), dynamic={"x": {0: "b", 1: "t"}})
    export("lstm", Recurrent(nn.LSTM, False), torch.randn(5, 2, 3), dynamic={"x": {0: "t", 1: "b"}})
    export("lstm-two-way", Recurrent(nn.LSTM, True), torch.randn(5, 2, 3))
    export("lstm-last", Recurrent(nn.LSTM, True, 2, True), torch.randn(5, 2, 3))
    export("gru", Recurrent(nn.GRU, False), torch.randn(5, 2, 3))
    export("gru-two-way", Recurrent(nn.GRU, True), torch.randn(5, 2, 3))
    export("rnn", Recurrent(nn.RNN, False, 1), torch.randn(5, 2, 3), folding=False)
    export("ocr", Ocr(), torch.randn(2, 1, 8, 20))
    export("wavenet", WaveNet(), torch.randn(2, 2, 11))
    export("densenet", DenseNet(), torch.randn(2, 2, 4, 5))
    export("unet", UNet(), torch.randn(2, 1, 4, 6))
    export("branches", torch.jit.script(Branches()), torch.randn(4, 3))
    export("tied", Tied(), torch.randint(0, 11, (2, 5)), dynamic={"x": {1: "t"}})
    export("shufflenet", ShuffleNet(), torch.randn(2, 2, 3, 4))


main()
