"""Article 6's table of networks: each count by another way, and classification with weights made here."""

from companion import cli

import re
import tarfile

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from matplotlib import image as png
from tensorflow.python.framework import ops

from conftest import load, read

TABLE = 'ch06_high_level_apis/pretrained_networks.py'
CLASSIFY = 'ch06_high_level_apis/extras/classify_picture.py'
TRANSFER = 'ch06_high_level_apis/extras/transfer_learning.py'


def rows(text):
    """Each model's input, classes, parameters, moving averages, multiply-adds, top 1 and top 5."""
    found = {}
    for line in text.splitlines()[1:]:
        match = re.match(r'(\S.*?)  +(\d[\d. ]*)$', line)
        if match and ' no ' not in line:
            found[match.group(1)] = [float(word) for word in match.group(2).split()]
    return found


def conv(size, depth_in, depth, places, biases=1):
    """Parameters and multiply-adds of a convolution at places x places; a bias or a beta for each filter."""
    weights = size * size * depth_in * depth
    return np.array([weights + biases * depth, weights * places * places])


def vgg(blocks):
    total, depth_in = 0, 3
    for i, (layers, depth) in enumerate(blocks):
        for _ in range(layers):
            total = total + conv(3, depth_in, depth, 224 >> i)
            depth_in = depth
    return list(total + conv(7, 512, 4096, 1) + conv(1, 4096, 4096, 1) + conv(1, 4096, 1000, 1))


def inception_v1():
    """From table 1 of Szegedy et al. 2014, with 3 x 3 filters in place of 5 x 5, as slim has."""
    total = conv(7, 3, 64, 112) + conv(1, 64, 64, 56) + conv(3, 64, 192, 56)
    depth_in = 192
    for places, module in [
            (28, (64, 96, 128, 16, 32, 32)),
            (28, (128, 128, 192, 32, 96, 64)),
            (14, (192, 96, 208, 16, 48, 64)),
            (14, (160, 112, 224, 24, 64, 64)),
            (14, (128, 128, 256, 24, 64, 64)),
            (14, (112, 144, 288, 32, 64, 64)),
            (14, (256, 160, 320, 32, 128, 128)),
            (7, (256, 160, 320, 32, 128, 128)),
            (7, (384, 192, 384, 48, 128, 128))]:
        one, reduce3, three, reduce5, five, pool = module
        total = (total + sum(conv(1, depth_in, depth, places) for depth in (one, reduce3, reduce5, pool))
                 + conv(3, reduce3, three, places) + conv(3, reduce5, five, places))
        depth_in = one + three + five + pool
    return list(total + conv(1, 1024, 1001, 1))


def resnet_50(first):
    """From table 1 of He et al. 2015; `first`: a block's first unit halves the feature map, not its last."""
    # Batch normalization has two parameters for each filter.
    total, depth_in, places = conv(7, 3, 64, 112, 2), 64, 56
    for block, units in enumerate([3, 4, 6, 3]):
        base = 64 << block
        for unit in range(units):
            halves = unit == 0 and block > 0 if first else unit == units - 1 and block < 3
            after = places // 2 if halves else places
            if first:  # as in the paper's own weights, by the first of the unit's convolutions
                places = after
            total = (total + conv(1, depth_in, base, places, 2) + conv(3, base, base, after, 2)
                     + conv(1, base, 4 * base, after, 2))
            if unit == 0:
                total = total + conv(1, depth_in, 4 * base, after, 2)
            depth_in, places = 4 * base, after
    return list(total + conv(1, 2048, 1000, 1))


def test_where_the_paper_halves_the_feature_map():
    assert resnet_50(first=True)[0] == resnet_50(first=False)[0] == 25557032
    assert 3.8e9 < resnet_50(first=True)[1] < 3.9e9 and 3.4e9 < resnet_50(first=False)[1] < 3.5e9


VGG_16, VGG_19 = (vgg([(2, 64), (2, 128), (n, 256), (n, 512), (n, 512)]) for n in (3, 4))


@pytest.mark.parametrize('model, counts', [
    ('ResNet V1 152', [60192808, 151424]), ('ResNet V2 101', [44577896 + 2049, 97664]),
    ('VGG 19', [VGG_19[0], 0, VGG_19[1]])])
def test_recorded_counts_of_the_others(model, counts):
    """The log's counts for deeper variants, which no test builds."""
    assert rows(read('results', 'logs', 'pretrained_networks.log'))[model][2:2 + len(counts)] == counts


# Parameters and multiply-adds counted by hand; or the trainable parameters of other libraries' networks,
# and their moving averages: torchvision's ResNets, and Keras' InceptionV3, ResNet50V2 and ResNet101V2,
# which have one class less, of 2048 weights and a bias. All multiply-adds: as TensorFlow counts.
@pytest.mark.parametrize('name, parameters, averages, adds', [
    pytest.param(name, *counts, marks=[] if name in ('inception_v1', 'vgg_16') else pytest.mark.slow)
    for name, *counts in [
        ('inception_v1', inception_v1()[0], None, inception_v1()[1]),
        ('inception_v2', None, None, None),
        ('inception_v3', 23817352 + 2049, 34432, None),
        ('resnet_v1_50', 25557032, 53120, resnet_50(first=False)[1]),
        ('resnet_v2_50', 25568360 + 2049, 45440, None),
        ('vgg_16', VGG_16[0], 0, VGG_16[1])]
], ids=str)
def test_network_of_the_table(name, parameters, averages, adds, monkeypatch, capsys, tmp_path):
    transfer = load(TRANSFER)
    networks = transfer.pretrained_networks
    network = networks.NETWORKS[name]
    counted = []

    def count_twice(logits):
        flops = sum(
            ops.get_stats_for_node_def(logits.graph, operation.node_def, 'flops').value
            for operation in logits.graph.get_operations()
            if operation.type in ('Conv2D', 'DepthwiseConv2dNative', 'MatMul')
            and '/AuxLogits/' not in operation.name)
        counted.append((logits.shape.as_list(), flops // 2))
        # What is left out is the output that only training needs.
        left_out = set(tf.contrib.slim.get_model_variables()) - set(networks.variables_for(logits))
        assert bool(left_out) == (name == 'inception_v3')
        assert all('/AuxLogits/' in variable.op.name for variable in left_out)
        # For transfer learning the old last layer, of weights and biases, and no other is not restored.
        depth = {'inception_v1': 1024, 'inception_v2': 1024, 'vgg_16': 4096}.get(name, 2048)
        features = transfer.last_layer_input(logits)
        assert features.shape.as_list() == [1, 1, 1, depth]
        last = set(networks.variables_for(logits)) - set(networks.variables_for(features))
        assert sorted(v.shape.as_list() for v in last) == sorted([[1, 1, depth, network.classes], [network.classes]])
        return multiply_adds(logits)

    multiply_adds = networks.multiply_adds
    monkeypatch.setattr(networks, 'multiply_adds', count_twice)
    networks.main(['--network', name])
    out = capsys.readouterr().out
    ((model, found),) = rows(out).items()
    assert model == network.model and 'does not ship' not in out and not (tmp_path / 'runs').exists()
    assert found[:2] == [network.input_size, network.classes] and found[5:] == [network.top1, network.top5]
    assert counted == [([1, network.classes], found[4])]
    for value, expected in zip(found[2:5], [parameters, averages, adds]):
        assert expected is None or value == expected


@pytest.mark.parametrize('name, model, top1, top5', [
    ('inception_v4', 'Inception V4', '80.2', '95.2'),
    ('inception_resnet_v2', 'Inception-ResNet-v2', '80.4', '95.3'),
])
def test_network_that_is_not_shipped(name, model, top1, top5, run_script):
    out = run_script(TABLE, '--network', name)
    assert re.search(r'^%s +no %s in tf\.contrib\.slim\.nets +%s +%s$' % (model, name, top1, top5), out, re.M)
    assert 'does not ship is in https://github.com/tensorflow/models, research/slim' in out


def test_all_rows_and_the_picture(monkeypatch, capsys, tmp_path):
    networks = load(TABLE)
    # Each one's figures are above; together they take half a minute.
    monkeypatch.setattr(networks, 'count', lambda name: (20000000 + len(name), 5, 3000000000 * len(name)))
    networks.main([])
    out = capsys.readouterr().out
    assert out.count(' in tf.contrib.slim.nets ') == 2 and len(rows(out)) == 11
    assert rows(out)['VGG 16'] == [224, 1000, 20000006, 5, 18000000000, 71.5, 89.8]
    # The article's figures, which are those of the README of the models' repository too.
    assert [(network.model, network.top1, network.top5) for network in networks.NETWORKS.values()] == [
        ('Inception V1', 69.8, 89.6),
        ('Inception V2', 73.9, 91.8),
        ('Inception V3', 78.0, 93.9),
        ('Inception V4', 80.2, 95.2),
        ('Inception-ResNet-v2', 80.4, 95.3),
        ('ResNet V1 50', 75.2, 92.2),
        ('ResNet V1 101', 76.4, 92.9),
        ('ResNet V1 152', 76.8, 93.2),
        ('ResNet V2 50', 75.6, 92.8),
        ('ResNet V2 101', 77.0, 93.7),
        ('ResNet V2 152', 77.8, 94.1),
        ('VGG 16', 71.5, 89.8),
        ('VGG 19', 71.1, 89.8)]
    for model, row in rows(out).items():
        assert row[0] == (299 if model.startswith(('Inception V3', 'ResNet V2')) else 224)
        assert row[1] == (1000 if model.startswith(('VGG', 'ResNet V1')) else 1001)
    picture = tmp_path / 'runs' / 'ch06_high_level_apis' / 'pretrained_networks.png'
    assert png.imread(str(picture)).std() > 0.05


def test_what_the_picture_shows(monkeypatch, tmp_path):
    networks = load(TABLE)
    figures = []
    monkeypatch.setattr(networks.figures, 'save', lambda figure, path: figures.append((figure, path)))
    networks.draw({
        'inception_v1': (6600000, 1, 15 * 10 ** 8), 'vgg_16': (138000000, 0, 155 * 10 ** 8),
        'vgg_19': (143000000, 0, 196 * 10 ** 8)}, 'a.png')
    ((figure, path),) = figures
    (axes,) = figure.axes
    found = [(tuple(point), area) for points in axes.collections
             for point, area in zip(points.get_offsets(), points.get_sizes())]
    assert path == 'a.png' and found == [((1.5, 69.8), 33), ((15.5, 71.5), 690), ((19.6, 71.1), 715)]
    assert [(text.get_text(), text.xy) for text in axes.texts] == [
        ('Inception V1', (1.5, 69.8)), ('VGG 16', (15.5, 71.5)), ('VGG 19', (19.6, 71.1))]
    assert 'billions' in axes.get_xlabel() and 'top-1' in axes.get_ylabel()


def make_checkpoint(name, path, inputs):
    """Save the network `name` with random weights, as the published ones in the older format: one file.

    Returns:
        The probabilities of each of the inputs; and the graph's session, for more checkpoints.
    """
    from tensorflow.contrib.slim import nets

    module, scope, classes = {
        'inception_v1': (nets.inception, nets.inception.inception_v1_arg_scope, 1001),
        'resnet_v1_50': (nets.resnet_v1, nets.resnet_v1.resnet_arg_scope, 1000)}[name]
    random = np.random.RandomState(1)
    with tf.Graph().as_default():
        sess = tf.Session()
        tf.set_random_seed(1)
        pictures = tf.placeholder(tf.float32, [None, 224, 224, 3])
        with tf.contrib.slim.arg_scope(scope()):
            logits, _ = getattr(module, name)(pictures, classes, is_training=False)
        # All that is restored must matter, the moving averages too.
        values = {}
        for variable in tf.global_variables():
            if 'BatchNorm' in variable.op.name:
                low = 0.5 if 'variance' in variable.op.name or 'gamma' in variable.op.name else -0.2
                values[variable.initial_value] = random.uniform(low, low + 0.4, variable.shape.as_list())
        sess.run(tf.global_variables_initializer(), values)
        # Some classes likelier than others, and none certain.
        weights = tf.trainable_variables()[-2]
        assert weights.shape.as_list()[-1] == classes
        weights.load(sess.run(weights) * 2 / sess.run(logits, {pictures: inputs}).std(), sess)
        powers = np.exp(sess.run(logits, {pictures: inputs}).reshape(-1, classes).astype(float))
        tf.train.Saver(write_version=tf.train.SaverDef.V1).save(sess, str(path), write_meta_graph=False)
    return powers / powers.sum(axis=1, keepdims=True), sess


def draw(path, height=256, width=256, mode='RGB'):
    """Save a picture of coloured stripes and noise; return its pixels, [height, width, 3]."""
    random = np.random.RandomState(2)
    rows_, columns = np.mgrid[:height, :width]
    checks = (rows_ // 16 + columns // 16) % 2 * 200
    pixels = np.stack([rows_ * 255 // height, columns * 255 // width, checks], axis=2)
    pixels = (pixels + random.randint(0, 50, pixels.shape)).clip(0, 255).astype(np.uint8)
    if mode == 'L':
        pixels = np.repeat(pixels[:, :, 2:], 3, axis=2)
        picture = PIL.Image.fromarray(pixels[:, :, 0], 'L')
    else:
        picture = PIL.Image.fromarray(pixels, 'RGB')
    if mode == 'RGBA':
        picture.putalpha(100)
    picture.save(str(path), **({'quality': 100, 'subsampling': 0} if str(path).endswith('.jpg') else {}))
    return pixels


def answers(text):
    """The printed lines as (probability, class, name)."""
    return [(float(value), int(number), name) for value, number, name in re.findall(
        r'^(0\.\d+|1\.0+)  class +(\d+)(?:  (.+))?$', text, re.MULTILINE)]


def check(found, expected, top=5):
    """The answers are the largest of the expected probabilities, in order."""
    best = np.argsort(-expected)[:top]
    assert expected[best[0]] > 0.01 and np.diff(expected[best]).max() < -1e-5, 'the test must be able to tell'
    assert [number for _, number, _ in found] == list(best)
    np.testing.assert_allclose([value for value, _, _ in found], expected[best], rtol=0, atol=3e-6)


@pytest.fixture(scope='module')
def inception(tmp_path_factory):
    """A folder with two pictures and checkpoints of Inception V1; and the probabilities of both."""
    folder = tmp_path_factory.mktemp('inception')
    colours = draw(folder / 'rgba.png', mode='RGBA')
    grey = draw(folder / 'grey.png', mode='L')
    # 87.5 % of 256 are 224: nothing is resized.
    inputs = [pixels[16:240, 16:240] / 255.0 * 2 - 1 for pixels in (colours, grey)]
    probabilities, sess = make_checkpoint('inception_v1', folder / 'old.ckpt', inputs)
    with sess.graph.as_default():
        tf.train.Saver().save(sess, str(folder / 'new.ckpt'), write_meta_graph=False)
        # Random weights without biases, for which no two pictures are the same.
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, str(folder / 'random.ckpt'), write_meta_graph=False)
    return folder, probabilities


@pytest.fixture(scope='module')
def broken(inception):
    """Two checkpoints that are whole, with values that are not finite: of the last layer, and before it."""
    folder, _ = inception
    networks = load(TABLE)
    with tf.Graph().as_default(), tf.Session() as sess:
        networks.inference('inception_v1', tf.placeholder(tf.float32, [1, 224, 224, 3]))
        saver = tf.train.Saver(tf.contrib.slim.get_model_variables())
        saver.restore(sess, str(folder / 'random.ckpt'))
        # ReLU makes 0 of NaN, not of infinity.
        beta = [variable for variable in tf.trainable_variables() if variable.op.name.endswith('/beta')][-1]
        beta.load(np.full(beta.shape.as_list(), np.inf), sess)
        saver.save(sess, str(folder / 'inf.ckpt'), write_meta_graph=False)
        beta.load(np.zeros(beta.shape.as_list()), sess)
        tf.trainable_variables()[-1].load(np.full(1001, np.nan), sess)
        saver.save(sess, str(folder / 'nan.ckpt'), write_meta_graph=False)
    return folder


def test_pictures_are_classified_as_by_the_network_itself(run_script, inception, tmp_path):
    folder, (of_colours, _) = inception
    (tmp_path / 'labels.txt').write_text('\n'.join('name %d' % i for i in range(1, 1001)))
    flags = ['--network', 'inception_v1', '--picture_file', folder / 'rgba.png', '--checkpoint']

    out = run_script(CLASSIFY, *flags, folder / 'new.ckpt.index', '--labels', tmp_path / 'labels.txt')
    check(answers(out), of_colours)
    assert 'class 0 is the background' in out
    assert all(name == ('name %d' % number if number else 'background') for _, number, name in answers(out))


@pytest.mark.slow
def test_the_older_format_of_checkpoints(run_script, inception):
    folder, (_, of_grey) = inception
    flags = ['--network', 'inception_v1', '--checkpoint', folder / 'old.ckpt', '--picture_file', folder / 'grey.png']
    check(answers(run_script(CLASSIFY, *flags, '--top', 7)), of_grey, 7)


@pytest.mark.slow
def test_damaged_checkpoints_are_named(refuses, broken, tmp_path):
    folder = broken
    flags = ['--network', 'inception_v1', '--picture_file', folder / 'rgba.png', '--checkpoint']
    (tmp_path / 'new.ckpt.index').write_bytes((folder / 'new.ckpt.index').read_bytes())
    for name, data in ('new.ckpt', '.data-00000-of-00001'), ('old.ckpt', ''):
        (tmp_path / (name + data)).write_bytes((folder / (name + data)).read_bytes()[:10 ** 7])
    for path, words in [
            (folder / 'nan.ckpt', 'probabilities that are NaN'),
            (tmp_path / 'new.ckpt', 'new.ckpt is damaged'),
            (tmp_path / 'old.ckpt', 'old.ckpt is damaged')]:
        refuses(words, CLASSIFY, *flags, path)


@pytest.mark.slow
def test_resnet_with_the_input_that_it_was_trained_on(run_script, tmp_path):
    pixels = draw(tmp_path / 'wide.png', 512, 768)
    # 256 pixels of height are each second one; then 224 in the middle.
    picture = pixels[::2, ::2][16:240, 80:304] - np.array([123.68, 116.78, 103.94])
    (expected,), _ = make_checkpoint('resnet_v1_50', tmp_path / 'model.ckpt', [picture])
    out = run_script(CLASSIFY, '--network', 'resnet_v1_50', '--checkpoint', tmp_path / 'model.ckpt',
                     '--picture_file', tmp_path / 'wide.png')
    check(answers(out), expected)
    assert 'none is the background' in out


def test_pictures_of_all_kinds_are_read(tmp_path):
    read_picture = load(CLASSIFY).read_picture
    for name, mode in ('a.png', 'RGB'), ('b.png', 'RGBA'), ('c.png', 'L'), ('d.bmp', 'RGB'):
        pixels = draw(tmp_path / name, 40, 60, mode)
        assert (read_picture(str(tmp_path / name)) == pixels).all()
    for name, mode in ('e.jpg', 'RGB'), ('f.jpg', 'L'):
        pixels = draw(tmp_path / name, 40, 60, mode)
        assert abs(read_picture(str(tmp_path / name)).astype(int) - pixels).mean() < 3, 'JPEG is not exact'
    frames = [PIL.Image.new('RGB', (60, 40), colour) for colour in ('red', 'blue')]
    frames[0].save(str(tmp_path / 'g.gif'), save_all=True, append_images=frames[1:])
    assert (read_picture(str(tmp_path / 'g.gif')) == np.full((40, 60, 3), [255, 0, 0])).all()


def test_how_each_network_expects_a_picture():
    classify = load(CLASSIFY)
    rows_, columns = np.mgrid[:1024, :512]
    pixels = np.stack([rows_ // 4, columns // 2, (rows_ + columns) % 256], axis=2).astype(np.uint8)
    with tf.Graph().as_default(), tf.Session() as sess:
        inputs = sess.run({
            name: classify.network_input(name, pixels) for name in classify.pretrained_networks.NETWORKS})
    for name, picture in inputs.items():
        if name.startswith(('vgg', 'resnet_v1')):
            means = pixels[::2, ::2][144:368, 16:240] - picture[0]
            np.testing.assert_allclose(means - [123.68, 116.78, 103.94], np.zeros([224, 224, 3]), atol=1e-4)
            continue
        size = 224 if name in ('inception_v1', 'inception_v2') else 299
        assert picture.shape == (1, size, size, 3)
        # Each side is cut by an eighth, and all that is left is squeezed into the square: 16 to 240 of 256.
        colours = (picture[0] + 1) * 127.5
        for edge, value in [(colours[0, :, 0], 16), (colours[-1, :, 0], 239),
                            (colours[:, 0, 1], 16), (colours[:, -1, 1], 239)]:
            np.testing.assert_allclose(edge, value, atol=0.8)


def test_faults_are_one_line(refuses, tmp_path):
    draw(tmp_path / 'rgb.png')
    draw(tmp_path / 'line.png', 1, 60)
    (tmp_path / 'cut.png').write_bytes((tmp_path / 'rgb.png').read_bytes()[:2000])
    (tmp_path / 'text.jpg').write_text('no picture')
    (tmp_path / 'three.txt').write_text('a\nb\nc\n')
    (tmp_path / 'latin.txt').write_bytes(b'\xe9\n' * 1000)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.get_variable('vgg_16/conv1/conv1_1/weights', [5, 5, 3, 64])
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, str(tmp_path / 'small.ckpt'), write_meta_graph=False)
    with tarfile.open(str(tmp_path / 'vgg_16.tar.gz'), 'w:gz') as archive:
        archive.add(str(tmp_path / 'small.ckpt.index'))
    good = {'--network': 'vgg_16', '--checkpoint': 'small.ckpt', '--picture_file': 'rgb.png'}
    for change, words in [
            ({'--checkpoint': 'none.ckpt'}, 'there is no --checkpoint .*none.ckpt'),
            ({'--checkpoint': 'vgg_16.tar.gz'}, r'vgg_16.tar.gz is damaged, or no checkpoint .* unpacked'),
            ({'--checkpoint': ''}, 'is damaged, or no checkpoint'),  # a folder
            ({}, r'conv1_1/weights is \[5, 5, 3, 64\], and --network vgg_16 needs \[3, 3, 3, 64\]'),
            ({'--network': 'vgg_19'}, 'no vgg_19/conv1/conv1_1/weights, so .* its variables are in vgg_16$'),
            ({'--network': 'inception_v4'}, 'inception_v4 is not in tf.contrib.slim.nets'),
            ({'--picture_file': 'none.png'}, 'cannot read the picture .*none.png'),
            ({'--picture_file': ''}, 'cannot read the picture'),  # a folder
            ({'--picture_file': 'text.jpg'}, 'text.jpg is no JPEG, PNG'),
            ({'--picture_file': 'cut.png'}, 'cut.png is no JPEG, PNG, .* or damaged'),
            ({'--picture_file': 'line.png'}, 'too long and narrow: 60 x 1 pixels'),
            ({'--labels': 'three.txt'}, 'three.txt has 3 lines, and needs 1000'),
            ({'--labels': 'none.txt'}, 'cannot read --labels .*none.txt'),
            ({'--labels': 'latin.txt'}, 'cannot read --labels .*latin.txt')]:
        flags = dict(good, **change)
        flags = [word for name in flags
                 for word in (name, flags[name] if name == '--network' else tmp_path / flags[name])]
        refuses(words, CLASSIFY, *flags)
    for flags, words in [
            ([], '--network is required'),
            (['--network', 'vgg_16'], '--checkpoint is required'),
            (['--network', 'vgg_17'], 'invalid choice')]:
        refuses(words, CLASSIFY, *flags, status=2)


# Transfer learning


def test_features_are_what_the_last_layer_takes(inception):
    folder, probabilities = inception
    transfer = load(TRANSFER)
    path, reader = transfer.classify_picture.open_checkpoint(str(folder / 'new.ckpt'))
    grey = np.repeat(png.imread(str(folder / 'grey.png'))[..., np.newaxis] * 255, 3, axis=2).astype(np.uint8)
    # A file and an array.
    features = transfer.features_of('inception_v1', path, reader, [str(folder / 'rgba.png'), grey])
    assert features.shape == (2, 1024)
    last = 'InceptionV1/Logits/Conv2d_0c_1x1/'
    logits = features.dot(reader.get_tensor(last + 'weights')[0, 0]) + reader.get_tensor(last + 'biases')
    powers = np.exp(logits.astype(float))
    np.testing.assert_allclose(powers / powers.sum(axis=1, keepdims=True), probabilities, rtol=1e-3, atol=1e-7)


@pytest.mark.slow
def test_features_that_are_not_finite_are_a_fault(broken):
    transfer = load(TRANSFER)
    path, reader = transfer.classify_picture.open_checkpoint(str(broken / 'inf.ckpt'))
    with pytest.raises(cli.UserError, match='inf.ckpt gives features that are not finite'):
        transfer.features_of('inception_v1', path, reader, [np.zeros([9, 9, 3], np.uint8)])


def test_the_digits_are_the_first_of_each_class():
    from sklearn import datasets

    transfer = load(TRANSFER)
    assert (transfer.IMAGES, transfer.HELD_OUT, transfer.TRAINING_STEPS, transfer.LEARNING_RATE) == (30, 0.2, 2000, 1.0)
    transfer.IMAGES = 3
    names, classes = transfer.digits()
    found = datasets.load_digits()
    assert names == list('0123456789') and [len(images) for images in classes] == [3] * 10
    for digit, images in enumerate(classes):
        first = found.images[found.target == digit][0]
        assert images[0].dtype == np.uint8 and images[0].shape == (8, 8, 3) and images[0].max() <= 255
        for channel in range(3):
            assert (images[0][..., channel] == np.floor(first / 16 * 255)).all()


def test_a_part_of_each_class_is_held_out():
    transfer = load(TRANSFER)
    classes = [['%d.%d' % (label, i) for i in range(count)] for label, count in enumerate((10, 2, 23))]
    train, held_out = transfer.split(classes, 1)
    assert [[label for _, label in part].count(i) for part in (train, held_out) for i in range(3)] == [
        8, 1, 18, 2, 1, 5]
    assert sorted(image for image, _ in train + held_out) == sorted(sum(classes, []))
    assert all(image.startswith('%d.' % label) for image, label in train + held_out)
    assert transfer.split(classes, 1) == (train, held_out) != transfer.split(classes, 2)
    transfer.HELD_OUT = 1.0
    assert len(transfer.split(classes, 1)[0]) == 3, 'one of each is left to train with'


def test_the_last_layer_learns(capsys):
    transfer = load(TRANSFER)
    random = np.random.RandomState(1)
    labels = np.arange(60) % 3
    # A class is a direction, far from 0; one feature is the same for all.
    x = random.randn(60, 20) * 10 + 100
    x[np.arange(60), labels] += 100
    x[:, 7] = 3
    accuracies = transfer.train_last_layer(x[:40], labels[:40], x[40:], labels[40:])
    losses = [float(loss) for loss in re.findall('loss is (.*)\\.', capsys.readouterr().out)]
    assert losses == pytest.approx([np.log(3), 0.00424261, 0.00215328, 0.00144884], rel=1e-3)
    assert accuracies == (1, 1)


def test_transfer_learning(run_script, inception, tmp_path):
    folder, _ = inception
    flags = ['--network', 'inception_v1', '--checkpoint', folder / 'random.ckpt', '--seed', 1]
    out = run_script(TRANSFER, *flags, '--images', 2, '--training_steps', 2)
    assert '10 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9. 10 images to train with, 10 held out.' in out
    assert 'Inception V1 makes 1024 features of an image.' in out and (
        'After 1 training step(s), loss is 2.30259.' in out)
    assert re.search(r'After 2 training step\(s\), accuracy .*; guessing: 0.1000$', out, re.MULTILINE)


def own_folder(folder):
    """Make a folder of two classes, of one colour each, in files of three kinds."""
    for name, colour in ('red', (200, 30, 20)), ('blue', (20, 30, 200)):
        (folder / name).mkdir()
        for file in '0.png', '1.JPG', '2.bmp':
            PIL.Image.new('RGB', (60, 40), colour).save(str(folder / name / file))
        (folder / name / 'notes.txt').write_text('no picture')
        (folder / name / '.3.png').write_text('hidden')
    (folder / '.hidden').mkdir()
    (folder / 'file').write_text('no folder')


def test_the_classes_of_the_readers_folder(tmp_path):
    own_folder(tmp_path)
    transfer = load(TRANSFER)
    names, classes = transfer.folder_of_classes(str(tmp_path))
    assert names == ['blue', 'red']
    assert classes == [[str(tmp_path / name / file) for file in ('0.png', '1.JPG', '2.bmp')] for name in names]
    transfer.IMAGES = 2
    assert transfer.folder_of_classes(str(tmp_path))[1] == [paths[:2] for paths in classes]


@pytest.mark.slow
def test_transfer_learning_with_the_readers_images(run_script, inception, tmp_path):
    folder, _ = inception
    own_folder(tmp_path)
    out = run_script(TRANSFER, '--network', 'inception_v1', '--checkpoint', folder / 'random.ckpt', '--seed', 1,
                     '--image_dir', tmp_path, '--training_steps', 520)
    assert '2 classes: blue, red. 4 images to train with, 2 held out.' in out and 'After 501 training' in out
    assert 'accuracy on the training images = 1.0000, on the held-out images = 1.0000; guessing: 0.5000' in out


def test_faults_of_transfer_learning_are_one_line(refuses, inception, tmp_path):
    folder, _ = inception
    for name, files in ('one', 1), ('two', 2), ('empty', 0):
        (tmp_path / 'classes' / name).mkdir(parents=True)
        for i in range(files):
            (tmp_path / 'classes' / name / ('%d.jpg' % i)).write_text('no picture')
    good = {'--network': 'inception_v1', '--checkpoint': folder / 'new.ckpt', '--image_dir': tmp_path / 'classes'}
    for change, words in [
            ({'--checkpoint': tmp_path / 'none'}, 'there is no --checkpoint .*none'),
            ({'--network': 'inception_v4'}, 'inception_v4 is not in tf.contrib.slim.nets'),
            ({'--network': 'vgg_16', '--image_dir': ''},
             'no vgg_16/conv1/conv1_1/weights, so it is not of --network'),
            ({'--image_dir': tmp_path / 'none'}, 'cannot read --image_dir .*none'),
            ({'--image_dir': tmp_path / 'classes' / 'two'}, 'two has 0 subfolders, and needs one for each class'),
            ({}, 'empty has 0 images .*, and needs two or more')]:
        flags = dict(good, **change)
        refuses(words, TRANSFER, *[word for name in flags if flags[name] for word in (name, flags[name])])
    (tmp_path / 'classes' / 'empty').rmdir()
    refuses('one has 1 images', TRANSFER, *[word for name in good for word in (name, good[name])])
    for flags, words in [
            ([], '--network is required'),
            (['--network', 'vgg_16'], '--checkpoint is required'),
            (['--network', 'vgg_16', '--checkpoint', 'a', '--images', '1'], 'must be 2 or more')]:
        refuses(words, TRANSFER, *flags, status=2)
