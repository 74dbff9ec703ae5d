"""Trains networks of the Small CNN Zoo one after the other, as one would without stacking them."""
import cnn_zoo

STEPS = 40


def make(settings):
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy

    width = cnn_zoo.CHANNELS
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, width, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, cnn_zoo.CLASSES),
    )
    optimizer = cnn_zoo.optimizer(settings, network.parameters())
    images = torch.randn(settings.batch, 1, cnn_zoo.SIDE, cnn_zoo.SIDE)
    labels = torch.arange(settings.batch) % cnn_zoo.CLASSES

    def steps():
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
        return loss.item()

    return steps, STEPS


if __name__ == "__main__":
    cnn_zoo.run(make, cnn_zoo.parse())
