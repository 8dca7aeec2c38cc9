import gevent

def foo():
    print('Running in foo')
    gevent.sleep(2)
    print('Explicit context switch to foo again')

def bar():
    print('Explicit context to bar')
    gevent.sleep(3)
    print('Implicit context switch back to bar')

# 自动切换
gevent.joinall([
    gevent.spawn(foo),  # 启动一个协程
    gevent.spawn(bar),
])
