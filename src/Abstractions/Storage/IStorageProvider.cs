namespace QedVd;

/// <summary>
/// Opens the further files of a format that consists of several. Given by the host, which applies its reference policy:
/// a backend opens nothing by path.
/// </summary>
/// <remarks>Thread safe.</remarks>
public interface IStorageProvider
{
    /// <summary>Opens the part that the image calls <paramref name="name"/>, beside the image's own file.</summary>
    /// <param name="name">The name as the image has it.</param>
    /// <param name="readOnly">Whether it will only be read.</param>
    /// <param name="cancellationToken">Cancels the opening.</param>
    /// <exception cref="ImageException">Not found, refused by policy, in use.</exception>
    ValueTask<IImageStorage> OpenPartAsync(string name, bool readOnly, CancellationToken cancellationToken = default);
}
