"""Build the pretrained networks of article 6's table from TensorFlow-Slim, and count what each one costs.

Article 6 TensorFlow 高层封装, section TensorFlow-Slim (its table of 13 models).

    python ch06_high_level_apis/pretrained_networks.py
    python ch06_high_level_apis/pretrained_networks.py --network vgg_16

Shows input size, classes, parameters and multiply-adds of each network that tf.contrib.slim ships, counted
in the graph that slim builds, beside the article's accuracies (正确率), and draws them. Parameters are the
elements of the trainable variables; the moving means and variances of batch normalization, which a
checkpoint holds too, are counted separately. A multiply-add is one weight times one value; only convolutions
are counted, as all layers with weights are convolutions here. What only training needs (the second output of
Inception V3) is not counted. No weights are needed or read: see extras/classify_picture.py and
extras/transfer_learning.py for that.

Takes about half a minute on two cores, VGG 16 alone three seconds. Expect 11 networks of 13: Inception V4
and Inception-ResNet-v2 are not in TensorFlow 1.15. VGG 16 has 138,357,544 parameters and takes 15.5 billion
multiply-adds; ResNet V1 50 needs less than a quarter of both, and is more accurate. It takes 3.48 billion,
less than the 3.8 billion of He et al. 2015, as slim halves the feature map at the end of a block, not at its
start.
"""
from companion import cli, figures

import collections

import matplotlib.figure
import tensorflow as tf
import tqdm

Network = collections.namedtuple('Network', 'model top1 top5 module input_size classes')

# From the name of slim's function to the article's row (per cent on ImageNet), slim's module, and, of the
# published checkpoint, the width of the square input and the number of classes. With 1001 classes, class 0 is
# the background.
# ResNet V2's sizes are those of its checkpoints; resnet_v2.default_image_size is 224.
NETWORKS = {
    'inception_v1': Network('Inception V1', 69.8, 89.6, 'inception', 224, 1001),
    'inception_v2': Network('Inception V2', 73.9, 91.8, 'inception', 224, 1001),
    'inception_v3': Network('Inception V3', 78.0, 93.9, 'inception', 299, 1001),
    'inception_v4': Network('Inception V4', 80.2, 95.2, 'inception', 299, 1001),
    'inception_resnet_v2': Network('Inception-ResNet-v2', 80.4, 95.3, 'inception', 299, 1001),
    'resnet_v1_50': Network('ResNet V1 50', 75.2, 92.2, 'resnet_v1', 224, 1000),
    'resnet_v1_101': Network('ResNet V1 101', 76.4, 92.9, 'resnet_v1', 224, 1000),
    'resnet_v1_152': Network('ResNet V1 152', 76.8, 93.2, 'resnet_v1', 224, 1000),
    'resnet_v2_50': Network('ResNet V2 50', 75.6, 92.8, 'resnet_v2', 299, 1001),
    'resnet_v2_101': Network('ResNet V2 101', 77.0, 93.7, 'resnet_v2', 299, 1001),
    'resnet_v2_152': Network('ResNet V2 152', 77.8, 94.1, 'resnet_v2', 299, 1001),
    'vgg_16': Network('VGG 16', 71.5, 89.8, 'vgg', 224, 1000),
    'vgg_19': Network('VGG 19', 71.1, 89.8, 'vgg', 224, 1000),
}


def slim_module(name):
    """The module of tf.contrib.slim.nets where the function `name` belongs."""
    # Imported here, as it loads all of tf.contrib; tf.contrib.slim.nets exists only once it is imported.
    from tensorflow.contrib.slim import nets
    return getattr(nets, NETWORKS[name].module)


def is_shipped(name):
    """Whether this TensorFlow has the network."""
    return hasattr(slim_module(name), name)


def inference(name, images):
    """Add the network `name`, as it is after training, to the graph.

    Args:
        images: [batch, input_size, input_size, 3], scaled as classify_picture.py does.
    Returns:
        The logits, [batch, classes].
    """
    module = slim_module(name)
    # The layers' defaults: batch normalization, activations, initializers. Each Inception has its own.
    arg_scope = {'inception': name, 'vgg': 'vgg'}.get(NETWORKS[name].module, 'resnet') + '_arg_scope'
    with tf.contrib.slim.arg_scope(getattr(module, arg_scope)()):
        logits, _ = getattr(module, name)(images, NETWORKS[name].classes, is_training=False)
    # Slim's ResNets leave [batch, 1, 1, classes].
    return tf.reshape(logits, [-1, NETWORKS[name].classes])


def operations_for(result):
    """All operations that the tensor `result` depends on."""
    graph = result.graph
    nodes = tf.graph_util.extract_sub_graph(graph.as_graph_def(), [result.op.name]).node
    return [graph.get_operation_by_name(node.name) for node in nodes]


def variables_for(result):
    """The model's variables that the tensor `result` depends on."""
    names = set(operation.name for operation in operations_for(result))
    return [variable for variable in tf.contrib.slim.get_model_variables() if variable.op.name in names]


def multiply_adds(result):
    """Number of multiplications of a weight by a value that `result` takes for one image."""
    total = 0
    for operation in operations_for(result):
        if operation.type in ('Conv2D', 'DepthwiseConv2dNative'):
            # Each of a filter's weights is used once at each place where the filter stands.
            height, width = operation.outputs[0].shape.as_list()[1:3]
            total += height * width * operation.inputs[1].shape.num_elements()
    return total


def count(name):
    """Build a network; return its number of parameters, of moving averages and of multiply-adds."""
    size = NETWORKS[name].input_size
    with tf.Graph().as_default():
        logits = inference(name, tf.placeholder(tf.float32, [1, size, size, 3]))
        trainable = set(tf.trainable_variables())
        parameters = moving_averages = 0
        for variable in variables_for(logits):
            if variable in trainable:
                parameters += variable.shape.num_elements()
            else:
                moving_averages += variable.shape.num_elements()
        return parameters, moving_averages, multiply_adds(logits)


def draw(counts, path):
    """Save a chart of the article's accuracies over multiply-adds; areas are proportional to parameters."""
    figure = matplotlib.figure.Figure(figsize=(8, 5))
    axes = figure.subplots()
    for i, module in enumerate(['inception', 'resnet_v1', 'resnet_v2', 'vgg']):
        names = [name for name in counts if NETWORKS[name].module == module]
        axes.scatter([counts[name][2] / 1e9 for name in names], [NETWORKS[name].top1 for name in names],
                     [counts[name][0] / 2e5 for name in names], color='C%d' % i, alpha=0.5)
        for name in names:
            axes.annotate(NETWORKS[name].model, (counts[name][2] / 1e9, NETWORKS[name].top1), xytext=(0, 9),
                          textcoords='offset points', ha='center', fontsize=8)
    axes.margins(0.12)
    axes.set_xlabel('multiply-adds for an image, billions')
    axes.set_ylabel('top-1 accuracy in the article, per cent')
    axes.set_title('Networks of tf.contrib.slim; area: parameters')
    figures.save(figure, path)


def main(argv=None):
    parser = cli.Parser(__doc__, seed=False)
    parser.add_argument('--network', choices=sorted(NETWORKS), metavar='NAME',
                        help='only this network, and no picture: ' + ', '.join(NETWORKS))
    parser.add_argument('--picture', default='runs/ch06_high_level_apis/pretrained_networks.png',
                        metavar='FILE', help='the PNG file to save (default: %(default)s)')
    args = parser.parse(argv)
    if not args.network:
        figures.check(args.picture)

    print('%-19s  %5s  %7s  %11s  %8s  %14s  %s' % (
        'model', 'input', 'classes', 'parameters', 'moving', 'multiply-adds', 'article: top 1  top 5'))
    names = [args.network] if args.network else list(NETWORKS)
    counts = {}
    for name in tqdm.tqdm(names, unit='network', leave=False, disable=None):
        network = NETWORKS[name]
        if is_shipped(name):
            counts[name] = count(name)
            columns = '%5d  %7d  %11d  %8d  %14d' % ((network.input_size, network.classes) + counts[name])
        else:
            columns = 'no %s in tf.contrib.slim.nets' % name
        tqdm.tqdm.write('%-19s  %-53s  %14.1f  %5.1f' % (network.model, columns, network.top1, network.top5))
    if len(counts) < len(names):
        print('What TensorFlow %s does not ship is in https://github.com/tensorflow/models, research/slim.' %
              tf.__version__)
    if not args.network:
        draw(counts, args.picture)


if __name__ == '__main__':
    cli.run(main)
