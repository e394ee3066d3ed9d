#!/usr/bin/python3
"""
Stands in for the binary of k3s on real nodes, where k3s cannot be downloaded. It runs no pods; it notes how it was called, and
does what the machines around it wait for: a server has a certificate authority and answers what Starling asks, an agent joins with
the token that it was given. Everything else about such a node is real: who starts it, when, with which files.

Calls are noted, a JSON object a line, in /var/lib/stand-in/calls.
"""
import base64
import hashlib
import json
import os
import re
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

STATE = '/var/lib/stand-in'
CONFIG = '/etc/rancher/k3s/config.yaml'
TLS = '/var/lib/rancher/k3s/server/tls'
CREDENTIAL = f'{STATE}/credential'
HEARTBEAT_SECONDS = 1
# Kubernetes waits 40 s for a node; so long would only make the tests slow.
SILENCE_SECONDS = 6
VERSION = 'v1.36.2+k3s1'


def read_config():
    """The few forms of YAML that the node's script writes: `key: "value"`, and lists of texts."""
    config, key = {}, None
    for line in open(CONFIG, encoding='utf8').read().splitlines():
        item = re.fullmatch(r'  - "(.*)"', line)
        pair = re.fullmatch(r'([\w-]+): ?"?(.*?)"?', line)
        if item:
            config[key].append(item[1])
        elif pair:
            key = pair[1]
            config[key] = pair[2] if pair[2] else []
    return config


def note(config):
    os.makedirs(STATE, exist_ok=True)
    told = {name: value for name, value in config.items() if not name.endswith('token')}
    told['tokens'] = sorted(name for name in config if name.endswith('token'))
    call = {'argv': sys.argv[1:], 'at': time.clock_gettime(time.CLOCK_BOOTTIME), 'config': told}
    with open(f'{STATE}/calls', 'a', encoding='utf8') as calls:
        calls.write(json.dumps(call) + '\n')


def started():
    address = os.environ.get('NOTIFY_SOCKET', '')
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b'READY=1', '\0' + address[1:] if address[0] == '@' else address)


def boot_id():
    return open('/proc/sys/kernel/random/boot_id', encoding='ascii').read().strip()


def own_address():
    return subprocess.check_output(['hostname', '-I'], text=True).split()[0]


def kept(path, make):
    """A text that stays the same for as long as the disk does."""
    if not os.path.exists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), 'w', encoding='ascii') as file:
            file.write(make())
    return open(path, encoding='ascii').read()


def make_certificates(names):
    """Before the API answers, as k3s does."""
    os.makedirs(TLS, exist_ok=True)
    if os.path.exists(f'{TLS}/server.crt'):
        return
    run = lambda *args, **more: subprocess.run(['openssl', *args], check=True, capture_output=True, **more)
    curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
    authority = ['-subj', '/CN=stand-in', '-days', '30', '-addext', 'keyUsage=keyCertSign']
    run('req', '-x509', *curve, '-keyout', f'{TLS}/ca.key', '-out', f'{TLS}/server-ca.crt', *authority)
    run('req', '-new', *curve, '-keyout', f'{TLS}/server.key', '-subj', '/CN=k3s', '-out', f'{TLS}/server.csr')
    alternatives = f'subjectAltName={",".join(names)}'
    signing = ['-CA', f'{TLS}/server-ca.crt', '-CAkey', f'{TLS}/ca.key', '-CAcreateserial', '-days', '30']
    run('x509', '-req', '-in', f'{TLS}/server.csr', *signing, '-extfile', '/dev/stdin', '-out', f'{TLS}/server.crt.new',
        input=alternatives.encode())
    os.rename(f'{TLS}/server.crt.new', f'{TLS}/server.crt')


class Cluster:
    """Nodes and bootstrap tokens, kept over restarts."""

    FILE = f'{STATE}/cluster.json'

    def __init__(self):
        self.lock = threading.RLock()
        self.nodes, self.tokens, self.heard = {}, {}, {}
        if os.path.exists(self.FILE):
            self.nodes, self.tokens = json.load(open(self.FILE, encoding='utf8'))

    def save(self):
        with open(self.FILE + '.new', 'w', encoding='utf8') as file:
            json.dump([self.nodes, self.tokens], file)
        os.rename(self.FILE + '.new', self.FILE)

    def hear(self, told, role):
        """A kubelet says that it is there. The password keeps another machine from taking a name that is in use."""
        name = told['name']
        known = self.nodes.get(name)
        if known and known['password'] != told['password']:
            return 403
        self.heard[name] = time.monotonic()
        if known and known['bootId'] == told['bootId']:
            return 200
        now = time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())
        kept_fields = {'uid': secrets.token_hex(8), 'annotations': {}, 'unschedulable': False, 'since': now}
        self.nodes[name] = {**kept_fields, **(known or {}), **told, 'role': role}
        self.save()
        return 200

    def shown(self, name):
        node = self.nodes[name]
        ready = time.monotonic() - self.heard.get(name, -SILENCE_SECONDS) < SILENCE_SECONDS
        labels = {'node-role.kubernetes.io/control-plane': 'true'} if node['role'] == 'server' else {}
        condition = {'type': 'Ready', 'status': 'True' if ready else 'Unknown', 'lastTransitionTime': node['since']}
        return {
            'apiVersion': 'v1',
            'kind': 'Node',
            'metadata': {
                'name': name,
                'uid': node['uid'],
                'creationTimestamp': node['since'],
                'labels': labels,
                'annotations': node['annotations'],
            },
            'spec': {'unschedulable': True} if node['unschedulable'] else {},
            'status': {
                'conditions': [condition],
                'addresses': [{'type': 'InternalIP', 'address': node['address']}],
                'nodeInfo': {'kubeletVersion': VERSION, 'bootID': node['bootId']},
            },
        }


def failure(code, reason):
    return code, {'kind': 'Status', 'apiVersion': 'v1', 'code': code, 'reason': reason, 'message': reason}


def answer(cluster, method, path, body):
    """What Starling asks of a cluster that has no pods."""
    node = re.fullmatch(r'/api/v1/nodes/([^/]+)', path)
    secret = re.fullmatch(r'/api/v1/namespaces/kube-system/secrets(?:/(.+))?', path)
    with cluster.lock:
        if path == '/api/v1/nodes':
            return 200, {'kind': 'NodeList', 'apiVersion': 'v1', 'metadata': {}, 'items': [cluster.shown(name) for name in cluster.nodes]}
        if node:
            return one_node(cluster, method, node[1], body)
        if secret and method == 'POST':
            data = {name: base64.b64decode(value).decode() for name, value in body['data'].items()}
            cluster.tokens[data['token-id']] = data['token-secret']
            cluster.save()
            return 201, body
        if secret and method == 'DELETE':
            gone = cluster.tokens.pop(secret[1].removeprefix('bootstrap-token-'), None)
            cluster.save()
            return (200, {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Success'}) if gone else failure(404, 'NotFound')
    listing = re.search(r'/(pods|deployments|statefulsets|daemonsets|namespaces)$', path)
    if listing:
        return 200, {'kind': 'List', 'apiVersion': 'v1', 'metadata': {}, 'items': []}
    return failure(404, 'NotFound')


def one_node(cluster, method, name, body):
    if name not in cluster.nodes:
        return failure(404, 'NotFound')
    node = cluster.nodes[name]
    if method == 'DELETE':
        if body.get('preconditions', {}).get('uid', node['uid']) != node['uid']:
            return failure(409, 'Conflict')
        del cluster.nodes[name]
    if method == 'PATCH':
        node['unschedulable'] = body.get('spec', {}).get('unschedulable', node['unschedulable']) is True
        annotations = {**node['annotations'], **body.get('metadata', {}).get('annotations', {})}
        node['annotations'] = {key: value for key, value in annotations.items() if value is not None}
    cluster.save()
    return 200, cluster.shown(name) if name in cluster.nodes else {'kind': 'Status', 'apiVersion': 'v1', 'status': 'Success'}


def handler(cluster):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def serve(self):
            path = self.path.split('?')[0]
            text = self.rfile.read(int(self.headers.get('content-length') or 0))
            body = json.loads(text) if text else {}
            if path in ('/cacerts', '/ping'):
                return self.send(200, open(f'{TLS}/server-ca.crt', 'rb').read() if path == '/cacerts' else b'pong')
            authorization = self.headers.get('authorization', '')
            if path == '/stand-in/heartbeat':
                return self.json(*self.heartbeat(authorization, body))
            if authorization != f'Bearer {open(CREDENTIAL, encoding="ascii").read()}':
                return self.json(*failure(401, 'Unauthorized'))
            self.json(*answer(cluster, self.command, path, body))

        do_GET = do_POST = do_PATCH = do_DELETE = serve

        def heartbeat(self, authorization, told):
            """A node that is known is let in by its password, another one by a token that is good."""
            identity, _, secret = authorization.removeprefix('Bearer ').partition('.')
            with cluster.lock:
                is_known = told['name'] in cluster.nodes
                if not is_known and (not secret or cluster.tokens.get(identity) != secret):
                    return failure(401, 'Unauthorized')
                return cluster.hear(told, 'agent'), {}

        def json(self, status, body):
            self.send(status, json.dumps(body).encode(), 'application/json')

        def send(self, status, body, kind='text/plain'):
            self.send_response(status)
            self.send_header('content-type', kind)
            self.send_header('content-length', str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def told_by_kubelet(config):
    password = kept('/etc/rancher/node/password', lambda: secrets.token_hex(16))
    return {'name': config['node-name'], 'address': own_address(), 'bootId': boot_id(), 'password': password}


def serve(config):
    names = [f'DNS:{name}' for name in config.get('tls-san', [])] + [f'IP:{own_address()}']
    make_certificates(names)
    kept(CREDENTIAL, lambda: secrets.token_urlsafe(32))
    cluster = Cluster()
    server = ThreadingHTTPServer(('0.0.0.0', 6443), handler(cluster))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f'{TLS}/server.crt', f'{TLS}/server.key')
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    started()
    while True:
        with cluster.lock:
            cluster.hear(told_by_kubelet(config), 'server')
        time.sleep(HEARTBEAT_SECONDS)


def ca_of(server, token):
    """Whoever answers must have the authority whose hash is in the token."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    authority = urllib.request.urlopen(f'{server}/cacerts', context=blind, timeout=5).read()
    if hashlib.sha256(authority).hexdigest() != re.match(r'K10([0-9a-f]{64})::', token)[1]:
        raise SystemExit('the server is not the one that the token is for')
    return authority.decode()


def join(config):
    server, token = config['server'], config['token']
    context = ssl.create_default_context(cadata=ca_of(server, token))
    is_started = False
    while True:
        body = json.dumps(told_by_kubelet(config)).encode()
        headers = {'authorization': f'Bearer {token.split("::")[1]}'}
        try:
            urllib.request.urlopen(urllib.request.Request(f'{server}/stand-in/heartbeat', body, headers), context=context, timeout=5)
            if not is_started:
                started()
            is_started = True
        except OSError as error:
            print(f'the server does not take it: {error}', flush=True)
        time.sleep(HEARTBEAT_SECONDS)


def kubectl(words):
    """Four commands, by which a master finds out what to report and has a new credential made."""
    if words[:2] == ['get', '--raw']:
        sys.exit(0 if os.path.exists(f'{TLS}/server.crt') else 1)
    if words[0] == 'apply':
        kept(CREDENTIAL, lambda: secrets.token_urlsafe(32))
    if words[2:4] == ['get', 'secret']:
        print(base64.b64encode(open(CREDENTIAL, 'rb').read()).decode(), end='')
    if words[2:4] == ['delete', 'secret']:
        os.remove(CREDENTIAL)


def main():
    verb, *words = sys.argv[1:]
    if verb == '--version':
        print(f'k3s version {VERSION}')
    elif verb == 'kubectl':
        kubectl(words)
    elif verb == 'etcd-snapshot':
        kept(f'{STATE}/snapshots/{words[-1]}', lambda: 'stand-in')
    else:
        config = read_config()
        note(config)
        (serve if verb == 'server' else join)(config)


main()
