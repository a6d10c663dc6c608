"""Runs programs of the conformance suite, each in a process of its own forked from this one.

A request is a line of JSON: `program` (Python text that defines `main`, using `args`), or `file` and
`check` (the name of a check in it); `args`. The answer is one, too: `output`, and `errno` where an
OSError ended it, or `failure` with the traceback.
"""
import json, os, signal, sys, traceback

here = os.path.dirname(os.path.abspath(__file__))
names = {}


def load(file, into):
    with open(f'{here}/{file}.py') as source:
        exec(compile(source.read(), f'{file}.py', 'exec'), into)


def run(request):
    args = [os.fsencode(each) for each in request['args']]
    own = dict(names, args=args, checks={})
    own['check'] = lambda name: lambda function: own['checks'].setdefault(name, function)
    if 'program' in request:
        exec(compile(request['program'], 'program', 'exec'), own)
        own['main']()
    else:
        load(request['file'], own)
        own['checks'][request['check']](args[0])


def child(request, writing):
    os.setpgid(0, 0)
    os.dup2(writing, 1)
    signal.alarm(60)
    os.umask(0o022)
    verdict = {}
    try:
        run(request)
    except OSError as error:
        verdict = {'errno': names['errno'].errorcode.get(error.errno, str(error.errno))}
        verdict['failure'] = traceback.format_exc()
    except BaseException:
        verdict = {'failure': traceback.format_exc()}
    sys.stdout.flush()
    os.write(1, b'\0' + json.dumps(verdict).encode())
    os._exit(0)


def serve(line):
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(json.loads(line), writing)
    os.close(writing)
    os.waitpid(pid, 0)
    # Whatever it left running holds the pipe open, too.
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass
    with os.fdopen(reading, 'rb') as pipe:
        output, _, verdict = pipe.read().rpartition(b'\0')
    answer = json.loads(verdict or b'{}') if output or verdict else {'failure': 'it was killed'}
    answer['output'] = output.decode('utf8', 'replace')
    print(json.dumps(answer), flush=True)


load('prelude', names)
for line in sys.stdin:
    serve(line)
