using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;

namespace QedVd.Host;

/// <summary>What the class of a backend must look like, decided from metadata.</summary>
internal static class PluginTypeRules
{
    // Damaged metadata can nest a type in itself.
    private const int MaxNesting = 64;

    /// <returns>The class's token in its module.</returns>
    public static int Resolve(MetadataReader reader, string? serializedName)
    {
        // A class of the plugin itself is written as its full name and nothing else. Names are taken apart only to explain what is wrong:
        // the parser for them costs a program's start more than all the rest of this.
        foreach (TypeDefinitionHandle handle in reader.TypeDefinitions)
        {
            TypeDefinition type = reader.GetTypeDefinition(handle);
            if (FullName(reader, type) == serializedName)
            {
                CheckShape(reader, type, serializedName);
                return MetadataTokens.GetToken(handle);
            }
        }

        string shown = PluginText.OneLine(serializedName);
        if (!TypeName.TryParse(serializedName, out TypeName? name) || !name.IsSimple)
        {
            throw new PluginRefusedException($"its ImageBackend attribute names '{shown}', which is not the name of a class.");
        }

        if (name.AssemblyName is { } elsewhere)
        {
            throw new PluginRefusedException($"its ImageBackend attribute names '{name.FullName}' of another assembly ({elsewhere.Name}); it must be a class of the plugin itself.");
        }

        throw new PluginRefusedException($"its ImageBackend attribute names the class '{shown}', which is not in the assembly.");
    }

    private static void CheckShape(MetadataReader reader, TypeDefinition type, string name)
    {
        TypeDefinition outer = type;
        for (int depth = 0; depth <= MaxNesting; depth++)
        {
            if ((outer.Attributes & TypeAttributes.VisibilityMask) is not (TypeAttributes.Public or TypeAttributes.NestedPublic))
            {
                throw new PluginRefusedException($"the class '{name}' is not public; make it (and what it is nested in) public.");
            }

            if (!outer.IsNested)
            {
                break;
            }

            outer = reader.GetTypeDefinition(outer.GetDeclaringType());
        }

        if ((type.Attributes & TypeAttributes.Interface) != 0 || IsValueType(reader, type))
        {
            throw new PluginRefusedException($"'{name}' is not a class.");
        }

        if ((type.Attributes & TypeAttributes.Abstract) != 0)
        {
            throw new PluginRefusedException($"the class '{name}' is abstract; name one that can be created.");
        }

        if (type.GetGenericParameters().Count != 0)
        {
            throw new PluginRefusedException($"the class '{name}' is generic; name one without type parameters.");
        }

        if (!type.GetMethods().Any(handle => IsDefaultConstructor(reader, reader.GetMethodDefinition(handle))))
        {
            throw new PluginRefusedException($"the class '{name}' has no public constructor without parameters.");
        }
    }

    private static bool IsDefaultConstructor(MetadataReader reader, MethodDefinition method)
    {
        if ((method.Attributes & MethodAttributes.MemberAccessMask) != MethodAttributes.Public
            || (method.Attributes & MethodAttributes.Static) != 0
            || !reader.StringComparer.Equals(method.Name, ConstructorInfo.ConstructorName))
        {
            return false;
        }

        BlobReader signature = reader.GetBlobReader(method.Signature);
        signature.ReadSignatureHeader();
        return signature.ReadCompressedInteger() == 0;
    }

    private static bool IsValueType(MetadataReader reader, TypeDefinition type)
    {
        if (type.BaseType.Kind != HandleKind.TypeReference)
        {
            return false;
        }

        TypeReference parent = reader.GetTypeReference((TypeReferenceHandle)type.BaseType);
        return reader.StringComparer.Equals(parent.Namespace, "System")
            && (reader.StringComparer.Equals(parent.Name, nameof(ValueType)) || reader.StringComparer.Equals(parent.Name, nameof(Enum)));
    }

    private static string FullName(MetadataReader reader, TypeDefinition type, int depth = 0)
    {
        string name = reader.GetString(type.Name);
        if (type.IsNested)
        {
            return depth == MaxNesting
                ? throw new PluginRefusedException("its metadata is damaged: types are nested without end.")
                : $"{FullName(reader, reader.GetTypeDefinition(type.GetDeclaringType()), depth + 1)}+{name}";
        }

        string @namespace = reader.GetString(type.Namespace);
        return @namespace.Length == 0 ? name : $"{@namespace}.{name}";
    }
}
