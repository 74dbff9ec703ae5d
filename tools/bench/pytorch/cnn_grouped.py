"""Trains networks of the Small CNN Zoo in stacks: grouped convolutions and batched products, images of each network's own."""
import cnn_zoo

STEPS = 2


def make(settings):
    import torch
    from torch.nn.functional import conv2d, cross_entropy, relu

    count, width, batch = settings.networks, cnn_zoo.CHANNELS, settings.batch
    torch.manual_seed(0)

    def uniform(fan, *shape):
        return ((torch.rand(shape) * 2 - 1) / fan**0.5).requires_grad_(True)

    filters = [uniform(fan * 9, count * width, fan, 3, 3) for fan in (1, width, width)]
    shifts = [uniform(fan * 9, count * width) for fan in (1, width, width)]
    last, bias = uniform(width, count, width, cnn_zoo.CLASSES), uniform(width, count, 1, cnn_zoo.CLASSES)
    optimizer = cnn_zoo.optimizer(settings, [*filters, *shifts, last, bias])
    images = torch.randn(batch, count, cnn_zoo.SIDE, cnn_zoo.SIDE)
    labels = (torch.arange(batch) % cnn_zoo.CLASSES).repeat(count)

    def steps():
        for _ in range(STEPS):
            optimizer.zero_grad()
            x = images
            for w, b in zip(filters, shifts):
                x = relu(conv2d(x, w, b, 2, 1, groups=count))
            pooled = x.mean((2, 3)).view(batch, count, width).transpose(0, 1)
            logits = torch.baddbmm(bias, pooled, last)
            loss = cross_entropy(logits.reshape(count * batch, -1), labels, reduction="sum") / batch
            loss.backward()
            optimizer.step()
        return loss.item() / count

    return steps, STEPS * count


if __name__ == "__main__":
    cnn_zoo.run(make, cnn_zoo.parse(networks=32))
