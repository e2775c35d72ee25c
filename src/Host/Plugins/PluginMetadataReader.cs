using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;

namespace QedVd.Host;

/// <summary>Reads what an assembly says of itself as data: the file is neither loaded nor run.</summary>
internal static class PluginMetadataReader
{
    private const string ContractAssembly = "QedVd.Abstractions";

    /// <exception cref="PluginRefusedException">The file is not a .NET assembly, or its metadata is damaged.</exception>
    /// <exception cref="IOException">The file could not be read.</exception>
    public static PluginMetadata Read(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        RefuseNative(file);
        try
        {
            using PEReader image = new(file, PEStreamOptions.PrefetchMetadata);
            if (!image.HasMetadata)
            {
                throw new PluginRefusedException("it is a native Windows library; a plugin is a .NET assembly.");
            }

            MetadataReader reader = image.GetMetadataReader();
            return reader.IsAssembly ? ReadAssembly(reader) : throw new PluginRefusedException("it is a .NET module without an assembly of its own.");
        }
        catch (Exception exception) when (exception is not (PluginRefusedException or IOException or OutOfMemoryException))
        {
            // Mostly BadImageFormatException; damaged metadata finds others too.
            throw new PluginRefusedException($"it is not a .NET assembly, or it is damaged ({PluginText.OneLine(exception.Message)}).");
        }
    }

    private static void RefuseNative(FileStream file)
    {
        Span<byte> start = stackalloc byte[4];
        int read = file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        file.Position = 0;
        start = start[..read];
        if (read == 0)
        {
            throw new PluginRefusedException("the file is empty.");
        }

        if (start.SequenceEqual("\u007fELF"u8))
        {
            throw new PluginRefusedException("it is a native Linux library (ELF); a plugin is a .NET assembly.");
        }

        if (start.SequenceEqual((ReadOnlySpan<byte>)[0xCF, 0xFA, 0xED, 0xFE]) || start.SequenceEqual((ReadOnlySpan<byte>)[0xCA, 0xFE, 0xBA, 0xBE]))
        {
            throw new PluginRefusedException("it is a native macOS library (Mach-O); a plugin is a .NET assembly.");
        }

        if (!start.StartsWith("MZ"u8))
        {
            throw new PluginRefusedException("it is not a .NET assembly: the file does not begin with MZ.");
        }
    }

    private static PluginMetadata ReadAssembly(MetadataReader reader)
    {
        AssemblyDefinition assembly = reader.GetAssemblyDefinition();
        List<DeclaredBackend> backends = [];
        string? framework = null;
        foreach (CustomAttributeHandle handle in assembly.GetCustomAttributes())
        {
            CustomAttribute attribute = reader.GetCustomAttribute(handle);
            if (IsOfType(reader, attribute, "QedVd", nameof(ImageBackendAttribute), ContractAssembly))
            {
                backends.Add(ReadDeclaration(reader, attribute));
            }
            else if (IsOfType(reader, attribute, "System.Runtime.Versioning", "TargetFrameworkAttribute", scope: null))
            {
                BlobReader value = reader.GetBlobReader(attribute.Value);
                framework = value.ReadUInt16() == 1 ? value.ReadSerializedString() : null;
            }
        }

        List<AssemblyName> references = [];
        foreach (AssemblyReferenceHandle handle in reader.AssemblyReferences)
        {
            references.Add(NameOf(reader, reader.GetAssemblyReference(handle)));
        }

        return new PluginMetadata(reader.GetString(assembly.Name), assembly.Version, reader.GetGuid(reader.GetModuleDefinition().Mvid), framework, references, backends);
    }

    private static AssemblyName NameOf(MetadataReader reader, AssemblyReference reference) => new() { Name = reader.GetString(reference.Name), Version = reference.Version };

    private static bool IsOfType(MetadataReader reader, CustomAttribute attribute, string @namespace, string name, string? scope)
    {
        if (attribute.Constructor.Kind != HandleKind.MemberReference)
        {
            return false;
        }

        EntityHandle parent = reader.GetMemberReference((MemberReferenceHandle)attribute.Constructor).Parent;
        if (parent.Kind != HandleKind.TypeReference)
        {
            return false;
        }

        TypeReference type = reader.GetTypeReference((TypeReferenceHandle)parent);
        if (!reader.StringComparer.Equals(type.Name, name) || !reader.StringComparer.Equals(type.Namespace, @namespace))
        {
            return false;
        }

        return scope is null
            || (type.ResolutionScope.Kind == HandleKind.AssemblyReference
                && reader.StringComparer.Equals(reader.GetAssemblyReference((AssemblyReferenceHandle)type.ResolutionScope).Name, scope));
    }

    /// <summary>The form (Type, int, int) is the one thing that every version of the contract keeps: versions are told apart by it.</summary>
    private static DeclaredBackend ReadDeclaration(MetadataReader reader, CustomAttribute attribute)
    {
        MemberReference constructor = reader.GetMemberReference((MemberReferenceHandle)attribute.Constructor);
        BlobReader signature = reader.GetBlobReader(constructor.Signature);
        bool known = signature.ReadSignatureHeader().IsInstance
            && signature.ReadCompressedInteger() == 3
            && signature.ReadSignatureTypeCode() == SignatureTypeCode.Void
            && signature.ReadSignatureTypeCode() == SignatureTypeCode.TypeHandle
            && !signature.ReadTypeHandle().IsNil
            && signature.ReadSignatureTypeCode() == SignatureTypeCode.Int32
            && signature.ReadSignatureTypeCode() == SignatureTypeCode.Int32;
        BlobReader value = reader.GetBlobReader(attribute.Value);
        if (!known || value.ReadUInt16() != 1)
        {
            throw new PluginRefusedException("its ImageBackend attribute has a form that this host does not know; it was compiled against another contract.");
        }

        string? typeName = value.ReadSerializedString();
        int major = value.ReadInt32();
        int minor = value.ReadInt32();
        try
        {
            int token = PluginTypeRules.Resolve(reader, typeName);
            return new DeclaredBackend(typeName!, major, minor) { TypeToken = token };
        }
        catch (PluginRefusedException exception)
        {
            // Said by the gate, after what matters more: a plugin for another contract need not look like one of ours.
            return new DeclaredBackend(PluginText.OneLine(typeName), major, minor, exception.Message);
        }
    }
}
