namespace QedVd.Host;

/// <summary>
/// Gives the files of a chain their names: at no moment, whatever ends it, a new one lies over an old one, or an old one over a new one. What is replaced is taken
/// away from the top down, but for the base; then the new ones appear from the base up. Each step is durable before the next.
/// </summary>
/// <param name="files">Complete; top first.</param>
internal sealed class JointPublication(IReadOnlyList<PendingFile> files)
{
    /// <exception cref="ImageException">All is as it was before, unless the message says otherwise.</exception>
    public void Run()
    {
        foreach (PendingFile file in files)
        {
            file.Storage.FullBarrier();
        }

        bool hasBegun = false;
        try
        {
            // The base is replaced in one step: nothing lies over it by then.
            foreach (PendingFile file in files.SkipLast(1))
            {
                file.TakeAway();
            }

            hasBegun = true;
            foreach (PendingFile file in files.Reverse())
            {
                file.PublishUnsettled();
            }
        }
        catch (ImageException exception)
        {
            if (TryWithdraw(hasBegun))
            {
                throw;
            }

            throw new ImageException(
                exception.Kind,
                $"{exception.Message} The copy is not complete, and the folder could not be made as it was before: run this again.",
                files[0].Path,
                "copy",
                null,
                exception);
        }

        foreach (PendingFile file in files)
        {
            file.Settle();
        }
    }

    /// <summary>The way back, from the top down and then up again. False where something is left of what was done.</summary>
    private bool TryWithdraw(bool hasBegun)
    {
        bool isBack = true;
        foreach (PendingFile file in files.Where(file => file.IsPublished))
        {
            file.TryFlushFolder();
            isBack &= file.TryWithdraw();
        }

        // As long as something new may still be there, or be there again after a power loss, nothing old comes over it.
        if (!files.Any(file => file.HasTakenAway))
        {
            return isBack;
        }

        if (!isBack || (hasBegun && !files[0].TryFlushFolder()) || !files.Reverse().All(file => file.TryPutBack()))
        {
            return false;
        }

        // Else a power loss might leave them under the names that the next run deletes.
        _ = files[0].TryFlushFolder();
        return true;
    }
}
