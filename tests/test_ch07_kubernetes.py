"""Article 7's manifests for Kubernetes: what can be known without a cluster."""
import json
import os
import re

import pytest

from conftest import ROOT, load, read

CHAPTER = 'ch07_acceleration/'

CONTAINER = {'name', 'image', 'command', 'args', 'ports', 'securityContext', 'resources', 'volumeMounts'}
# The fields that the manifests may have, by the names of what holds them: of kubeflow.org/v1, as the
# operator's types have it (read before release 1.9, not in that tag), and of Kubernetes.
FIELDS = {
    '': {'apiVersion', 'kind', 'metadata', 'spec'},
    'metadata': {'name', 'labels', 'annotations'},
    'spec': {'runPolicy', 'tfReplicaSpecs'},
    'runPolicy': {'cleanPodPolicy', 'activeDeadlineSeconds', 'ttlSecondsAfterFinished', 'backoffLimit'},
    'tfReplicaSpecs': {'PS', 'Worker', 'Chief', 'Master', 'Evaluator'},
    'PS': {'replicas', 'restartPolicy', 'template'}, 'Worker': {'replicas', 'restartPolicy', 'template'},
    'template': {'metadata', 'spec'},
    'template.spec': {'automountServiceAccountToken', 'securityContext', 'initContainers', 'containers',
                      'volumes'},
    'containers': CONTAINER, 'initContainers': CONTAINER,
    'template.spec.securityContext': {'runAsNonRoot', 'runAsUser', 'fsGroup'},
    'containers.securityContext': {'allowPrivilegeEscalation'},
    'initContainers.securityContext': {'allowPrivilegeEscalation'},
    'ports': {'containerPort', 'name'}, 'resources': {'requests', 'limits'},
    'requests': {'cpu', 'memory', 'nvidia.com/gpu'}, 'limits': {'cpu', 'memory', 'nvidia.com/gpu'},
    'volumeMounts': {'name', 'mountPath', 'readOnly'},
    'volumes': {'name', 'emptyDir', 'persistentVolumeClaim'},
    'emptyDir': set(), 'persistentVolumeClaim': {'claimName', 'readOnly'},
    'labels': {'app'}, 'annotations': {'sidecar.istio.io/inject'},
}


def unknown_fields(value, path=()):
    """The paths of fields that FIELDS does not have."""
    if isinstance(value, list):
        return [found for item in value for found in unknown_fields(item, path)]
    if not isinstance(value, dict):
        return []
    names = ['.'.join(path[-depth:]) for depth in (3, 2, 1) if len(path) >= depth] or ['']
    known = next((FIELDS[name] for name in names if name in FIELDS), set())
    return ['.'.join(path + (key,)) for key in value if key not in known] + [
        found for key, item in value.items() for found in unknown_fields(item, path + (key,))]


def is_text(value):
    return isinstance(value, str)


def is_count(value):
    return type(value) is int and value > 0


def is_flag(value):
    return isinstance(value, bool)


def is_quantity(value):
    return bool(re.match(r'\d+(m|Ki|Mi|Gi)?$', str(value)))


# What the fields may hold. YAML's 20000 without quotes is a number, which an argument must not be.
VALUES = {
    'cleanPodPolicy': ('All', 'Running', 'None').__contains__,
    'restartPolicy': ('Always', 'OnFailure', 'Never', 'ExitCode').__contains__,
    'replicas': is_count, 'activeDeadlineSeconds': is_count, 'runAsUser': is_count, 'fsGroup': is_count,
    'containerPort': is_count, 'runAsNonRoot': is_flag, 'readOnly': is_flag,
    'automountServiceAccountToken': is_flag, 'allowPrivilegeEscalation': is_flag,
    'cpu': is_quantity, 'memory': is_quantity, 'nvidia.com/gpu': is_quantity,
    **dict.fromkeys(['name', 'image', 'command', 'args', 'mountPath', 'claimName', 'app',
                     'sidecar.istio.io/inject', 'apiVersion', 'kind'], is_text)}


def wrong_values(value, name=''):
    """Pairs of a field and a value that VALUES does not allow."""
    if isinstance(value, list):
        return [found for item in value for found in wrong_values(item, name)]
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in wrong_values(item, key)]
    return [] if VALUES[name](value) else [(name, value)]


def manifests(name):
    yaml = pytest.importorskip('yaml')
    with open(os.path.join(ROOT, CHAPTER, 'kubernetes', name), encoding='utf-8') as file:
        return list(yaml.safe_load_all(file))


@pytest.mark.parametrize('name, program', [('tfjob-async.yaml', 'dist_mnist_async.py'),
                                           ('tfjob-sync.yaml', 'dist_mnist_sync.py')])
def test_manifests_fit_the_programs(name, program, monkeypatch):
    job, = manifests(name)
    assert unknown_fields(job) == [] and wrong_values(job) == []
    assert job['apiVersion'] == 'kubeflow.org/v1' and job['kind'] == 'TFJob'
    specs = job['spec']['tfReplicaSpecs']
    assert set(specs) == {'PS', 'Worker'}
    claim, = manifests('volumes.yaml')
    # Every storage class, kind's and k3s's too, has this mode.
    assert claim['kind'] == 'PersistentVolumeClaim' and claim['spec']['accessModes'] == ['ReadWriteOnce']
    cluster = {kind.lower(): ['%s-%s-%d.ns.svc:2222' % (job['metadata']['name'], kind.lower(), i)
                              for i in range(spec['replicas'])] for kind, spec in specs.items()}
    for kind, spec in specs.items():
        assert spec['restartPolicy'] == 'OnFailure'
        assert spec['template']['metadata']['annotations'] == {'sidecar.istio.io/inject': 'false'}
        pod = spec['template']['spec']
        assert pod['securityContext'] == {'runAsNonRoot': True, 'runAsUser': 1000, 'fsGroup': 1000}
        container, = pod['containers']
        assert container['name'] == 'tensorflow' and container['ports'] == [
            {'containerPort': 2222, 'name': 'tfjob-port'}]
        assert container['command'] == ['python', CHAPTER + program]
        volumes = {volume.pop('name'): volume for volume in map(dict, pod['volumes'])}
        assert volumes == {'data': {'emptyDir': {}}, 'checkpoints': {'emptyDir': {}} if kind == 'PS' else {
            'persistentVolumeClaim': {'claimName': claim['metadata']['name']}}}
        mounts = {mount['mountPath']: mount['name'] for mount in container['volumeMounts']}
        assert mounts == {'/data': 'data', '/checkpoints': 'checkpoints'}

        # The init container's command is one of the data helper, and fills the folder that the program reads.
        fetch, = pod['initContainers']
        assert fetch['command'][:3] == ['python', '-m', 'data'] and fetch['image'] == container['image']
        assert fetch['command'][3:] == ['fetch', 'mnist', '--data_dir', '/data']
        assert fetch['volumeMounts'] == [{'name': 'data', 'mountPath': '/data'}]

        # The program's own parser takes the arguments and what the operator sets; then the server starts.
        module = load(CHAPTER + program)
        tasks = []
        monkeypatch.setattr(module.dist_robust, 'run', lambda task, *args, **rest: tasks.append(task))
        monkeypatch.setattr(module.dist_cluster, 'evaluate', lambda *args: None)
        monkeypatch.setenv('TF_CONFIG', json.dumps({
            'cluster': cluster, 'task': {'type': kind.lower(), 'index': spec['replicas'] - 1},
            'environment': 'cloud'}))
        args = list(container['args'])           # YAML's anchors make it one list for both kinds
        folders = {args[i]: args[i + 1] for i in range(0, len(args), 2)}
        assert folders['--data_dir'] in mounts
        assert os.path.dirname(folders['--model_save_path']) in mounts
        args[args.index('--data_dir') + 1] = 'sample'        # the volume is not here
        module.main(args)
        assert (tasks[0].job, tasks[0].index) == (kind.lower(), spec['replicas'] - 1)
        assert tasks[0].cluster == cluster and tasks[0].wait_secs == 300
        assert module.MODEL_SAVE_PATH == folders['--model_save_path']
        assert module.TRAINING_STEPS == int(folders['--training_steps'])


def test_the_check_of_fields_finds_a_wrong_one():
    job, = manifests('tfjob-async.yaml')
    container, = job['spec']['tfReplicaSpecs']['PS']['template']['spec']['containers']
    container['securityContext']['fsGroup'] = 1000
    job['spec']['replicas'] = 3
    assert set(unknown_fields(job)) == {
        'spec.replicas', 'spec.tfReplicaSpecs.PS.template.spec.containers.securityContext.fsGroup',
        'spec.tfReplicaSpecs.Worker.template.spec.containers.securityContext.fsGroup'}
    job['spec']['tfReplicaSpecs']['PS']['restartPolicy'] = 'onFailure'
    container['args'][1] = 20000
    container['ports'][0]['containerPort'] = '2222'
    assert set(wrong_values(job)) == {('restartPolicy', 'onFailure'), ('args', 20000), ('containerPort', '2222')}


def test_the_manifests_image_is_the_projects():
    """Its working directory is where the commands are found, its user the pod's."""
    text = read('Dockerfile')
    for name in 'tfjob-async.yaml', 'tfjob-sync.yaml':
        for spec in manifests(name)[0]['spec']['tfReplicaSpecs'].values():
            pod = spec['template']['spec']
            assert re.search(r'^USER %d$' % pod['securityContext']['runAsUser'], text, re.MULTILINE)
            for container in pod['containers'] + pod['initContainers']:
                assert re.match(r'[\w.]+/tensorflow-companion:', container['image'])
                assert container['command'][0] == 'python' and 'workingDir' not in container
    assert re.search('^WORKDIR /companion\nCOPY .* \\. \\.$', text, re.MULTILINE)


def test_network_policy_covers_the_jobs():
    policy, = manifests('networkpolicy.yaml')
    label = policy['spec']['podSelector']['matchLabels']
    assert set(policy['spec']['policyTypes']) == {'Ingress', 'Egress'}
    rule, = policy['spec']['ingress']
    assert rule == {'from': [{'podSelector': {'matchLabels': label}}], 'ports': [{'protocol': 'TCP', 'port': 2222}]}
    # Outside of the job: names, and HTTPS for the data.
    ports = [port['port'] for rule in policy['spec']['egress'] for port in rule['ports']]
    assert sorted(ports) == [53, 53, 443, 2222]
    for name in 'tfjob-async.yaml', 'tfjob-sync.yaml':
        job, = manifests(name)
        for spec in job['spec']['tfReplicaSpecs'].values():
            assert label.items() <= spec['template']['metadata']['labels'].items()
