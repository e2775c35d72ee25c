namespace QedVd;

/// <summary>A disk's geometry as old guests want it.</summary>
/// <param name="Cylinders">Cylinders.</param>
/// <param name="Heads">Heads per cylinder.</param>
/// <param name="Sectors">Sectors per track.</param>
public readonly record struct DiskGeometry(int Cylinders, int Heads, int Sectors);
