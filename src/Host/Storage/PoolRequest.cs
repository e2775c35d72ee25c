using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;

namespace QedVd.Host;

/// <summary>
/// A request that has to wait, done by a thread of the pool. The objects are used again, so that a request allocates nothing once
/// enough of them exist; the awaiting code goes on on that same thread, with nothing locked.
/// </summary>
internal sealed class PoolRequest : IThreadPoolWorkItem, IValueTaskSource<int>, IValueTaskSource
{
    private const int MaxSpares = 256;

    private static readonly ConcurrentQueue<PoolRequest> s_spares = new();

    private ManualResetValueTaskSourceCore<int> _core;
    private FileStorage _storage = null!;
    private Kind _kind;
    private Memory<byte> _target;
    private ReadOnlyMemory<byte> _source;
    private long _offset;
    private long _lengthBytes;

    /// <summary>What is to be done.</summary>
    internal enum Kind
    {
        Read,
        Write,
        SetLength,
        PunchHole,
        Allocate,
    }

    /// <summary>Reads what is left of a request of which <paramref name="done"/> bytes are there.</summary>
    public static ValueTask<int> Read(FileStorage storage, long offset, Memory<byte> buffer, int done)
    {
        PoolRequest request = Take(storage, Kind.Read, offset, done);
        request._target = buffer;
        short version = request._core.Version;
        ThreadPool.UnsafeQueueUserWorkItem(request, preferLocal: false);
        return new ValueTask<int>(request, version);
    }

    public static ValueTask Write(FileStorage storage, long offset, ReadOnlyMemory<byte> buffer)
    {
        PoolRequest request = Take(storage, Kind.Write, offset, 0);
        request._source = buffer;
        short version = request._core.Version;
        ThreadPool.UnsafeQueueUserWorkItem(request, preferLocal: false);
        return new ValueTask(request, version);
    }

    public static ValueTask Change(FileStorage storage, Kind kind, long offset, long lengthBytes)
    {
        PoolRequest request = Take(storage, kind, offset, lengthBytes);
        short version = request._core.Version;
        ThreadPool.UnsafeQueueUserWorkItem(request, preferLocal: false);
        return new ValueTask(request, version);
    }

    void IThreadPoolWorkItem.Execute()
    {
        int result = 0;
        try
        {
            switch (_kind)
            {
                case Kind.Read:
                    int done = (int)_lengthBytes;
                    result = done + _storage.Read(_offset + done, _target.Span[done..]);
                    break;
                case Kind.Write:
                    _storage.Write(_offset, _source.Span);
                    break;
                case Kind.SetLength:
                    _storage.SetLength(_offset);
                    break;
                case Kind.PunchHole:
                    _storage.PunchHole(_offset, _lengthBytes);
                    break;
                default:
                    _storage.Allocate(_offset, _lengthBytes);
                    break;
            }
        }
        catch (Exception exception)
        {
            _core.SetException(exception);
            return;
        }

        _core.SetResult(result);
    }

    int IValueTaskSource<int>.GetResult(short token) => Finish(token);

    void IValueTaskSource.GetResult(short token) => Finish(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);

    private static PoolRequest Take(FileStorage storage, Kind kind, long offset, long lengthBytes)
    {
        if (!s_spares.TryDequeue(out PoolRequest? request))
        {
            request = new PoolRequest();
        }

        request._storage = storage;
        request._kind = kind;
        request._offset = offset;
        request._lengthBytes = lengthBytes;
        return request;
    }

    private int Finish(short token)
    {
        try
        {
            return _core.GetResult(token);
        }
        finally
        {
            // Nothing of the request may be kept alive by a spare.
            _core.Reset();
            _storage = null!;
            _target = default;
            _source = default;
            if (s_spares.Count < MaxSpares)
            {
                s_spares.Enqueue(this);
            }
        }
    }
}
